import NIOHTTP1

/// The contract itself, as YAML and as JSON. A test has the two agree.
struct ContractRoutes: Sendable {
  private let yaml = PackageResources.openapi_yaml
  private let json = PackageResources.openapi_json

  func add(to table: inout RouteTable) {
    table.on(.GET, "/openapi.yaml", isJSON: false) { _ in
      Response(status: .ok, headers: ["Content-Type": "application/yaml"], body: yaml)
    }
    table.on(.GET, "/openapi.json", isJSON: false) { _ in .json(json) }
  }
}
