import Foundation
import Hummingbird
import NIOCore
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
    table.on(.get, "/openapi.yaml") { _, _ in
      Response(status: .ok, headers: [.contentType: "application/yaml"], body: ResponseBody(byteBuffer: ByteBuffer(bytes: yaml)))
    }
    table.on(.get, "/openapi.json") { _, _ in .json(json) }
  }
}
