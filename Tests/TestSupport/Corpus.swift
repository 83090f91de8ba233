import Foundation

/// The inputs that a fuzzer starts from, and what it found: `Tests/Fuzzing/corpus`.
public enum Corpus {
  /// The files of a target, by name.
  public static func inputs(of target: String) throws -> [(name: String, bytes: [UInt8])] {
    let directory = "\(Checkout.path)/Tests/Fuzzing/corpus/\(target)"
    return try FileManager.default.contentsOfDirectory(atPath: directory).sorted().map { name in
      (name, Array(try Data(contentsOf: URL(filePath: "\(directory)/\(name)"))))
    }
  }
}
