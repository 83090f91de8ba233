import Foundation
import Testing
import Yams

@testable import Gateway

@Suite struct `The contract` {
  @Test func `its JSON says what its YAML says`() throws {
    let yaml = try Yams.load(yaml: String(decoding: PackageResources.openapi_yaml, as: UTF8.self))
    let options: JSONSerialization.WritingOptions = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let fromYAML = try JSONSerialization.data(withJSONObject: try #require(yaml), options: options)
    let json = try JSONSerialization.jsonObject(with: Data(PackageResources.openapi_json))
    if try JSONSerialization.data(withJSONObject: json, options: options) == fromYAML { return }
    let right = FileManager.default.temporaryDirectory.appendingPathComponent("openapi.json")
    try fromYAML.write(to: right)
    Issue.record("Sources/Gateway/openapi.json is not what openapi.yaml says; \(right.path) is")
  }
}
