import Foundation
import FoundationNetworking
public import TestSupport

/// The URL of a new virtual host of a RabbitMQ: the names of exchanges and queues follow from the number of partitions, so each test
/// needs one of its own.
public func virtualHost(on server: TestServer) async throws -> String {
  let name = "test-\(UInt64.random(in: .min ... .max))"
  try await manage(server, "PUT", "vhosts/\(name)")
  try await manage(
    server, "PUT", "permissions/\(name)/tickethub", body: #"{"configure": ".*", "write": ".*", "read": ".*"}"#)
  return server.url.prefix(through: server.url.lastIndex(of: "/")!) + name
}

/// A call of the management API.
private func manage(_ server: TestServer, _ method: String, _ path: String, body: String = "{}") async throws {
  guard var parts = URLComponents(string: try server.managementURL), let user = parts.user, let password = parts.password else {
    throw ManagementFailure(description: "the management URL is no URL")
  }
  (parts.user, parts.password) = (nil, nil)
  parts.path = "/api/\(path)"
  guard let url = parts.url else { throw ManagementFailure(description: "no URL for \(path)") }
  var request = URLRequest(url: url)
  request.httpMethod = method
  request.httpBody = Data(body.utf8)
  request.setValue("application/json", forHTTPHeaderField: "Content-Type")
  request.setValue("Basic " + Data("\(user):\(password)".utf8).base64EncodedString(), forHTTPHeaderField: "Authorization")
  // The management plugin may still be starting when the broker already answers.
  try await eventually("\(method) \(path)") { [request] in
    let (_, response) = try await URLSession.shared.data(for: request)
    guard let status = (response as? HTTPURLResponse)?.statusCode, (200..<300).contains(status) else {
      throw ManagementFailure(description: "\(method) \(path): \(response)")
    }
    return true
  }
}

/// What RabbitMQ's management API did not do.
public struct ManagementFailure: Error, CustomStringConvertible {
  public let description: String
}
