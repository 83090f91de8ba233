public import Foundation

/// A gateway as its clients see it.
public struct Gateway: Sendable {
  public let port: Int

  public init(port: Int) { self.port = port }

  public func get(_ path: String, as token: String? = nil, _ headers: [String: String] = [:]) async throws -> Reply {
    try await send("GET", path, as: token, headers)
  }

  public func delete(_ path: String, as token: String?) async throws -> Reply { try await send("DELETE", path, as: token) }

  public func post(
    _ path: String, _ body: JSON, as token: String? = nil, key: String? = nil
  ) async throws -> Reply {
    try await post(path, text: body.text, as: token, key: key)
  }

  /// - Parameter text: the body, which need not be JSON.
  public func post(
    _ path: String, text: String, as token: String? = nil, key: String? = nil, _ headers: [String: String] = [:]
  ) async throws -> Reply {
    var headers = ["Content-Type": "application/json"].merging(headers) { $1 }
    headers["Idempotency-Key"] = key
    return try await send("POST", path, as: token, headers, body: text)
  }

  public func send(
    _ method: String, _ path: String, as token: String? = nil, _ headers: [String: String] = [:], body: String? = nil
  ) async throws -> Reply {
    var lines = ["\(method) \(path) HTTP/1.1", "Host: 127.0.0.1:\(port)", "Connection: close"]
    if let token { lines.append("Authorization: Bearer \(token)") }
    if let body { lines.append("Content-Length: \(body.utf8.count)") }
    lines += headers.map { "\($0.key): \($0.value)" }
    let answer = try await RawConnection(to: port).answer(to: lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? ""))
    guard let reply = Reply(answer) else {
      throw Unexpected("\(method) \(path) was answered with \(String(decoding: answer, as: UTF8.self))")
    }
    return reply
  }
}

/// What a gateway answered.
public struct Reply: Sendable, CustomStringConvertible {
  public let status: Int
  public let body: Data
  private let headers: [String: String]

  /// All that came until the connection was closed; nil if that is no answer of HTTP.
  public init?(_ bytes: [UInt8]) {
    guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
    let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
    let words = lines[0].split(separator: " ")
    guard words.count > 1, words[0] == "HTTP/1.1", let status = Int(words[1]) else { return nil }
    self.status = status
    body = Data(bytes[end.upperBound...])
    headers = lines.dropFirst().reduce(into: [:]) { headers, line in
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2 { headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces) }
    }
  }

  /// A header, in whatever case.
  public subscript(_ name: String) -> String? { headers[name.lowercased()] }

  public func decoded<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
    do {
      return try JSONDecoder().decode(type, from: body)
    } catch {
      throw Unexpected("no \(type): \(self): \(error)")
    }
  }

  public var json: JSON { get throws { try decoded() } }

  /// The problem's code; nil unless this is a problem of its own status as RFC 9457 has it.
  public var problem: String? {
    guard self["Content-Type"] == "application/problem+json", let problem = try? decoded(as: Problem.self),
      problem.status == status, problem.type == "/problems/" + problem.code.replacing("_", with: "-"), !problem.title.isEmpty
    else { return nil }
    return problem.code
  }

  public var description: String { "\(status) \(headers) \(String(decoding: body.prefix(1000), as: UTF8.self))" }
}
