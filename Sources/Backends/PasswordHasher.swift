import BlockingThread
import CArgon2
import Synchronization

/// Hashes and checks passwords with Argon2id, on threads of its own.
///
/// The parameters are OWASP's second recommendation for Argon2id (19 MiB, two passes, one lane): about 30 ms of one core. That cost is
/// the point, so it is bounded: so many at once, and so many waiting.
public final class PasswordHasher: Sendable {
  /// How many passwords are worked on at once.
  private static let threads = 2
  /// How many may be worked on or wait; one more is refused, so that a flood of sign-ins delays nobody by more than a second or two.
  private static let maximumWaiting = 64

  private static let memoryKiB: UInt32 = 19 * 1024
  private static let passes: UInt32 = 2
  private static let lanes: UInt32 = 1
  private static let saltBytes = 16
  private static let hashBytes = 32

  private let workers: [Worker]
  private let load = Mutex((next: 0, waiting: 0))
  /// What an unknown user's password is checked against, so that the answer takes as long as for a known one.
  private let nobody: String

  public init() {
    workers = (0..<Self.threads).map { _ in Worker() }
    nobody = Self.hash("a password that nobody has", salt: (0..<Self.saltBytes).map { _ in .random(in: .min ... .max) })
  }

  /// The password's hash with its parameters and salt, in Argon2's own notation; nil if too many wait.
  func hash(_ password: String) async -> String? {
    guard let worker = enter() else { return nil }
    defer { leave() }
    return await worker.hash(password)
  }

  /// Whether the password is the one that was hashed; false, after the same time, if there is no hash; nil if too many wait.
  func verify(_ password: String, against hash: String?) async -> Bool? {
    guard let worker = enter() else { return nil }
    defer { leave() }
    let matches = await worker.verify(password, against: hash ?? nobody)
    return matches && hash != nil
  }

  private func enter() -> Worker? {
    load.withLock { load in
      if load.waiting >= Self.maximumWaiting { return nil }
      load.waiting += 1
      load.next = (load.next + 1) % workers.count
      return workers[load.next]
    }
  }

  private func leave() { load.withLock { $0.waiting -= 1 } }

  private actor Worker {
    private let thread = BlockingThread(name: "argon2")
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    isolated deinit { thread.finish() }

    func hash(_ password: String) -> String {
      PasswordHasher.hash(password, salt: (0..<PasswordHasher.saltBytes).map { _ in .random(in: .min ... .max) })
    }

    func verify(_ password: String, against hash: String) -> Bool {
      argon2id_verify(hash, password, password.utf8.count) == ARGON2_OK.rawValue
    }
  }

  private static func hash(_ password: String, salt: [UInt8]) -> String {
    let length = argon2_encodedlen(passes, memoryKiB, lanes, UInt32(saltBytes), UInt32(hashBytes), Argon2_id)
    var encoded = [CChar](repeating: 0, count: length)
    let result = argon2id_hash_encoded(
      passes, memoryKiB, lanes, password, password.utf8.count, salt, salt.count, hashBytes, &encoded, length)
    precondition(result == ARGON2_OK.rawValue, "Argon2 failed: \(String(cString: argon2_error_message(result)))")
    return String(decoding: encoded.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
