import Foundation
import PostgreSQL
import TestSupport
import Testing

@Suite struct TLSTests {
  @Test func `a server is trusted by its certificate's authority and name only`() async throws {
    try await TestServer.withOwn(.postgres, tls: true) { server in
      let trusted = try server.tlsURL
      let connection = try await PostgresConnection.connect(configuration(trusted))
      let encrypted = PostgresQuery(PostgresStatement("encrypted", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
      #expect(try await connection.query(encrypted)[0].bool(0))
      // Larger than a TLS record, so that what OpenSSL has decrypted already is not waited for.
      let block = [UInt8](repeating: 7, count: 1_000_000)
      let echo = PostgresQuery(PostgresStatement("echo", "SELECT $1::bytea"), .bytes(block))
      for rows in try await connection.pipeline([echo, echo]) { #expect(try rows[0].bytes(0) == block) }
      await connection.close()

      let otherAuthority = try await makeAuthority()
      let parameter = try #require(trusted.split(separator: "sslrootcert=").last)
      let distrusted = try configuration(trusted.replacing(parameter, with: otherAuthority))
      let error = try await postgresError { _ = try await PostgresConnection.connect(distrusted) }
      #expect(error.code == .connectFailed)
      #expect(error.message.contains("certificate verify failed"), "\(error)")

      let otherName = try configuration(trusted.replacing("@127.0.0.1", with: "@other.example") + "&hostaddr=127.0.0.1")
      let mismatch = try await postgresError { _ = try await PostgresConnection.connect(otherName) }
      #expect(mismatch.code == .connectFailed)
      #expect(mismatch.message.contains("does not match host name \"other.example\""), "\(mismatch)")
    }
  }

  /// The path of a certificate authority that signed nothing.
  private func makeAuthority() async throws -> String {
    let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).pem").path
    let openssl = Process()
    openssl.executableURL = URL(filePath: "/usr/bin/openssl")
    openssl.arguments = [
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj",
      "/CN=Other CA",
      "-keyout", "/dev/null", "-out", path,
    ]
    openssl.standardError = FileHandle.nullDevice
    try await withCheckedThrowingContinuation { (ended: CheckedContinuation<Void, any Error>) in
      openssl.terminationHandler = { _ in ended.resume() }
      do { try openssl.run() } catch { ended.resume(throwing: error) }
    }
    try #require(openssl.terminationStatus == 0)
    return path
  }
}
