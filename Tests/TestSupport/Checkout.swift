import Foundation

/// Where the tests find what they run, and where they keep what they start.
public enum Checkout {
  /// The directory of `Package.swift`.
  public static let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// The directory of the build's products, such as the executable `tickethub`: that in which this test's own program lies.
  public static let products = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path

  /// The state of the servers that tests start: `$TICKETHUB_TEST_STATE_DIR`, or `.local-test` in the checkout.
  public static let state = URL(
    filePath: ProcessInfo.processInfo.environment["TICKETHUB_TEST_STATE_DIR"] ?? "\(path)/.local-test"
  ).path
}
