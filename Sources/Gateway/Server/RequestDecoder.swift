import NIOCore
import NIOHTTP1

/// Makes parts of requests of a connection's bytes, and says why where it does not. ``PlainHead`` reads them until there is one that it
/// does not; from there on NIO's parser has the connection.
///
/// That parser gives up in the middle of a request, and what it had read until then is gone: which method it does not know, and
/// whether it was the URI that was too long. So the beginning of a request that has not come whole is kept in view here.
final class RequestDecoder: ByteToMessageDecoder {
  typealias InboundOut = HTTPServerRequestPart

  /// Why nothing more of a connection is parsed.
  struct Refusal: Error {
    let problem: Problem
    /// Whether what is refused is a `HEAD`, whose answer has no body.
    var isHead = false
  }

  private enum Mode {
    /// Between requests, or in the head of one, of which nothing is taken yet.
    case plain
    /// In the body of a plain one, of which so much is still to come.
    case body(left: Int)
    /// NIO's parser has it.
    case parsing
    /// The parser has given up, and what is wanted of the unknown method is not yet here.
    case unknownMethod
    /// The last request was taken.
    case over
  }

  /// What is known of a request before its head is complete.
  private struct Start {
    /// Its first bytes; the method and the space behind it at least, once they are here.
    var beginning = ByteBuffer()
    /// How much of its first line has come.
    var lineBytes = 0
    var isLineOver = false

    var hasMethod: Bool { beginning.readableBytesView.contains(UInt8(ascii: " ")) }
    var isHead: Bool { beginning.readableBytesView.starts(with: "HEAD ".utf8) }
  }

  private static let newline = UInt8(ascii: "\n")

  /// Where the parts go.
  private let connection: HTTPConnection
  /// Nil as long as every request was plain: it is a kilobyte.
  private var parser: HTTPRequestDecoder?
  private var mode = Mode.plain
  private var start: Start?
  /// How many bytes the parser has seen and is to be given again.
  private var kept = 0

  init(_ connection: HTTPConnection) { self.connection = connection }

  func decoderRemoved(context: ChannelHandlerContext) { parser?.decoderRemoved(context: context) }

  func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
    switch mode {
    case .plain where connection.isOver, .parsing where connection.isOver:
      // The parser would gather it: behind a request for another protocol it waits for somebody who speaks that one.
      drop(&buffer)
      throw Refusal(problem: .noHTTP)
    case .plain: return try takeHead(context, &buffer)
    case .body(let left): return takeBody(left, &buffer)
    case .parsing: try parse(context, &buffer)
    case .unknownMethod: try takeLine(context, &buffer)
    case .over: drop(&buffer)
    }
    return .needMoreData
  }

  // MARK: Plain requests

  private func takeHead(_ context: ChannelHandlerContext, _ buffer: inout ByteBuffer) throws -> DecodingState {
    switch buffer.withUnsafeReadableBytes(PlainHead.read) {
    case .incomplete: return .needMoreData
    case .notPlain:
      mode = .parsing
      try parse(context, &buffer)
      return .needMoreData
    case .head(let plain):
      buffer.moveReaderIndex(forwardBy: plain.bytes)
      connection.receive(.head(plain.head))
      return takeBody(plain.bodyBytes, &buffer)
    }
  }

  /// Takes what there is of a body, and the request's end if that is all.
  private func takeBody(_ left: Int, _ buffer: inout ByteBuffer) -> DecodingState {
    let count = min(left, buffer.readableBytes)
    if count > 0, let part = buffer.readSlice(length: count) { connection.receive(.body(part)) }
    if count < left {
      mode = .body(left: left - count)
      return .needMoreData
    }
    mode = .plain
    connection.receive(.end)
    return buffer.readableBytes > 0 ? .continue : .needMoreData
  }

  // MARK: Others

  /// What is left is a part of a request that won't be completed.
  func decodeLast(context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool) throws -> DecodingState {
    drop(&buffer)
    return .needMoreData
  }

  private func drop(_ buffer: inout ByteBuffer) { buffer.moveReaderIndex(to: buffer.writerIndex) }

  private func parse(_ context: ChannelHandlerContext, _ buffer: inout ByteBuffer) throws {
    let (bytes, parts) = (buffer.readableBytesView, connection.parts)
    let parser = parser ?? makeParser(context)
    do {
      _ = try parser.decode(context: context, buffer: &buffer)
    } catch {
      if connection.parts == parts { note(bytes.dropFirst(kept)) } else { start = nil }
      guard case HTTPParserError.invalidMethod = error, let start else { throw refusal(for: error) }
      buffer = start.beginning
      mode = .unknownMethod
      return try takeLine(context, &buffer)
    }
    if connection.parts == parts { note(bytes.dropFirst(kept)) } else { start = nil }
    kept = buffer.readableBytes
    // It keeps a header field at most. If it ever stops unnoticed, its memory does not grow without bound.
    if kept > 2 * Limits.headBytes { throw Refusal(problem: .noHTTP) }
  }

  private func makeParser(_ context: ChannelHandlerContext) -> HTTPRequestDecoder {
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = Limits.headBytes
    limits.maxHeaderListSize = Limits.headBytes
    limits.maxHeaderFieldCount = Limits.headerFields
    let parser = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)
    parser.decoderAdded(context: context)
    self.parser = parser
    return parser
  }

  /// Keeps in view what has come of a request's head. Not called for heads that come in one piece.
  private func note(_ bytes: ByteBufferView) {
    if !connection.isBetweenRequests { return }
    var bytes = bytes
    // Empty lines before a request count for nothing (RFC 9112, 2.2).
    if start == nil { bytes = bytes.drop { $0 == Self.newline || $0 == UInt8(ascii: "\r") } }
    if bytes.isEmpty { return }
    var known = start ?? Start()
    start = nil
    if known.beginning.readableBytes == 0 {
      known.beginning = ByteBuffer(bytes)
    } else if !known.hasMethod {
      known.beginning.writeBytes(bytes)
    }
    if !known.isLineOver {
      let end = bytes.firstIndex(of: Self.newline)
      known.lineBytes += (end ?? bytes.endIndex) - bytes.startIndex
      known.isLineOver = end != nil
    }
    start = known
  }

  private func refusal(for error: any Error) -> Refusal {
    let isHead = start?.isHead ?? false
    guard case HTTPParserError.headerOverflow = error else { return Refusal(problem: .noHTTP, isHead: isHead) }
    // The URI or the header fields, whichever is more of what was read.
    let isLineTooLong = (start?.lineBytes ?? 0) > Limits.headBytes / 2
    return Refusal(problem: isLineTooLong ? .uriTooLong : .headersTooLarge, isHead: isHead)
  }

  /// Takes a request whose method the parser does not know, by its first line alone, so that it is answered as those are whose
  /// methods are of no use here. As one of HTTP/1.0 it is the last of its connection, and needs no header.
  private func takeLine(_ context: ChannelHandlerContext, _ buffer: inout ByteBuffer) throws {
    let bytes = buffer.readableBytesView
    let line = bytes.prefix { $0 != Self.newline }
    let words = line.split(separator: UInt8(ascii: " "), maxSplits: 2, omittingEmptySubsequences: false)
    guard let method = words.first, !method.isEmpty, method.allSatisfy(Self.isOfMethod) else { throw Refusal(problem: .noHTTP) }
    if line.count > Limits.uriBytes { throw Refusal(problem: .uriTooLong) }
    if line.endIndex == bytes.endIndex { return }
    guard words.count == 3, !words[1].isEmpty, words[2].starts(with: "HTTP/1.".utf8) else { throw Refusal(problem: .noHTTP) }
    let head = HTTPRequestHead(
      version: .http1_0, method: .RAW(value: String(decoding: method, as: UTF8.self)),
      uri: String(decoding: words[1], as: UTF8.self))
    mode = .over
    drop(&buffer)
    context.fireChannelRead(wrapInboundOut(.head(head)))
    context.fireChannelRead(wrapInboundOut(.end(nil)))
  }

  /// Methods are in capital letters by convention; some have a hyphen.
  private static func isOfMethod(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || byte == UInt8(ascii: "-")
  }
}
