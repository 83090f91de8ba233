import Glibc
import SystemPackage

// Files of the command line. Not Foundation's: with all of it and what it needs, each process would be a third larger.

/// What standard input gives up to its end.
func readStandardInput() throws(Errno) -> [UInt8] { try readToEnd(.standardInput) }

/// What a file contains.
func readFile(_ path: String) throws(Errno) -> [UInt8] {
  let file = try open(path, .readOnly)
  defer { try? file.close() }
  return try readToEnd(file)
}

/// Makes a file of these bytes, or replaces what is in it.
func writeFile(_ path: String, _ bytes: some Sequence<UInt8>) throws(Errno) {
  let file = try open(path, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite, .groupRead, .otherRead])
  do {
    try file.closeAfter { _ = try file.writeAll(bytes) }
  } catch {
    throw error as? Errno ?? .ioError
  }
}

/// The names of what is in a directory, in no order.
func fileNames(in directory: String) throws(Errno) -> [String] {
  guard let stream = opendir(directory) else { throw Errno(rawValue: errno) }
  defer { closedir(stream) }
  var names: [String] = []
  while let entry = readdir(stream) {
    names.append(withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
  }
  return names
}

private func open(
  _ path: String, _ mode: FileDescriptor.AccessMode, options: FileDescriptor.OpenOptions = [],
  permissions: FilePermissions? = nil
) throws(Errno) -> FileDescriptor {
  do {
    return try FileDescriptor.open(FilePath(path), mode, options: options.union(.closeOnExec), permissions: permissions)
  } catch {
    throw error as? Errno ?? .ioError
  }
}

private func readToEnd(_ file: FileDescriptor) throws(Errno) -> [UInt8] {
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 64 * 1024)
  do {
    while case let count = try buffer.withUnsafeMutableBytes({ try file.read(into: $0) }), count > 0 {
      bytes.append(contentsOf: buffer[..<count])
    }
  } catch {
    throw error as? Errno ?? .ioError
  }
  return bytes
}
