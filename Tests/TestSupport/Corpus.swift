import Foundation

/// The inputs that a fuzzer starts from, and what it found: `Tests/Fuzzing/corpus`.
public enum Corpus {
  /// The files of a target, by name.
  static func inputs(of target: String) throws -> [(name: String, bytes: [UInt8])] {
    let directory = "\(Checkout.path)/Tests/Fuzzing/corpus/\(target)"
    return try FileManager.default.contentsOfDirectory(atPath: directory).sorted().map { name in
      (name, Array(try Data(contentsOf: URL(filePath: "\(directory)/\(name)"))))
    }
  }

  /// What is wrong with a target's inputs, each with its name; that there are none is wrong too.
  public static func failures(of target: String, check: ([UInt8]) throws -> Void) throws -> [String] {
    let inputs = try inputs(of: target)
    if inputs.isEmpty { return ["there are no inputs"] }
    return inputs.compactMap { input in
      do {
        try check(input.bytes)
        return nil
      } catch {
        return "\(input.name): \(error)"
      }
    }
  }
}
