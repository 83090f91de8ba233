import NIOCore
import NIOHTTP1

extension Response {
  /// The response as it is sent, in one buffer: with an encoder of its own for the head, and writes for head, body and end, the same took
  /// a twentieth of a gateway's time.
  /// - Parameter isHead: whether the body is only counted.
  func bytes(isHead: Bool, in allocator: ByteBufferAllocator) -> ByteBuffer {
    let hasBody = status != .noContent && status != .notModified
    var buffer = allocator.buffer(capacity: 512 + (isHead ? 0 : body.count))
    buffer.writeStaticString("HTTP/1.1 ")
    buffer.writeString(String(status.code))
    buffer.writeStaticString(" ")
    buffer.writeString(status.reasonPhrase)
    buffer.writeStaticString("\r\n")
    for (name, value) in headers {
      buffer.writeString(name)
      buffer.writeStaticString(": ")
      buffer.writeString(value)
      buffer.writeStaticString("\r\n")
    }
    if hasBody {
      buffer.writeStaticString("Content-Length: ")
      buffer.writeString(String(body.count))
      buffer.writeStaticString("\r\n")
    }
    buffer.writeStaticString("Date: ")
    buffer.writeString(HTTPDate.now())
    buffer.writeStaticString("\r\nServer: TicketHub\r\n\r\n")
    if hasBody && !isHead { buffer.writeBytes(body) }
    return buffer
  }
}
