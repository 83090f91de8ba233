import Foundation
import NIOHTTP1
import Yams

/// The contract itself, as YAML and as JSON.
struct ContractRoutes: Sendable {
  private let yaml = PackageResources.openapi_yaml
  private let json: [UInt8]

  init() throws {
    let contract = try Yams.load(yaml: String(decoding: yaml, as: UTF8.self))
    json = Array(try JSONSerialization.data(withJSONObject: contract ?? [:], options: [.sortedKeys, .withoutEscapingSlashes]))
  }

  func add(to table: inout RouteTable) {
    table.on(.GET, "/openapi.yaml", isJSON: false) { _ in
      Response(status: .ok, headers: ["Content-Type": "application/yaml"], body: yaml)
    }
    table.on(.GET, "/openapi.json", isJSON: false) { _ in .json(json) }
  }
}
