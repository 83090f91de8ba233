import NIOCore

/// Memory for what is read of a connection. Little at a time: all that is read is parsed before it is another connection's turn.
///
/// A channel keeps its first buffer for good, and uses no other a second time where it is told that the next may be larger. So the first
/// is small, and the others are free again when they are parsed: an idle connection keeps a kilobyte less.
struct ReceiveBuffers: RecvByteBufferAllocator {
  private static let first = 16
  private static let later = 1024

  private var hasRead = false

  func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
    allocator.buffer(capacity: hasRead ? Self.later : Self.first)
  }

  mutating func record(actualReadBytes: Int) -> Bool {
    hasRead = true
    return true
  }
}
