import NIOCore

/// What the generator needs of an answer, and nothing else.
struct Response: Sendable {
  var status = 0
  /// Seconds.
  var retryAfter: Int?
  var preferenceApplied = false
  var closes = false
  var body = ByteBuffer()
}

/// Takes the bytes of one connection, gives the answers in them. Cheap, because it shares the machine with what it measures.
struct ResponseParser {
  struct Malformed: Error {}

  private enum State {
    case head
    case body(length: Int)
    case chunkSize
    case chunk(length: Int)
    case trailer
    case untilClose
  }

  private var state = State.head
  private var received = ByteBuffer()
  private var response = Response()

  /// More than any head or body of the contract: a seat map of 200,000 seats is under 1 MB.
  private static let headLimit = 64 << 10
  private static let bodyLimit = 64 << 20

  mutating func append(_ bytes: inout ByteBuffer) {
    if received.readableBytes == 0 { received = bytes } else { received.writeBuffer(&bytes) }
  }

  /// The next whole answer, or nil if more bytes are needed. Throws ``Malformed`` once the connection is of no more use.
  mutating func next() throws(Malformed) -> Response? {
    while true {
      switch state {
      case .head:
        guard let head = try line(endingWith: Self.endOfHead, limit: Self.headLimit) else { return nil }
        try parse(head)
      case .body(let length):
        guard let body = received.readSlice(length: length) else { return nil }
        response.body = body
        return take()
      case .chunkSize:
        guard let size = try line(endingWith: Self.endOfLine, limit: 1024) else { return nil }
        guard let length = Int(size.prefix { $0 != ";" }, radix: 16), length >= 0,
          length + response.body.readableBytes <= Self.bodyLimit
        else { throw Malformed() }
        state = length == 0 ? .trailer : .chunk(length: length)
      case .chunk(let length):
        guard received.readableBytes >= length + 2, var chunk = received.readSlice(length: length) else { return nil }
        response.body.writeBuffer(&chunk)
        received.moveReaderIndex(forwardBy: 2)
        state = .chunkSize
      case .trailer:
        guard let field = try line(endingWith: Self.endOfLine, limit: Self.headLimit) else { return nil }
        if field.isEmpty { return take() }
      case .untilClose:
        guard received.readableBytes <= Self.bodyLimit else { throw Malformed() }
        return nil
      }
    }
  }

  /// The answer that only the connection's end completes.
  mutating func end() -> Response? {
    guard case .untilClose = state else { return nil }
    response.body = received
    received = ByteBuffer()
    return take()
  }

  private mutating func take() -> Response {
    defer { (response, state) = (Response(), .head) }
    return response
  }

  private static let endOfLine = Array("\r\n".utf8)
  private static let endOfHead = Array("\r\n\r\n".utf8)

  private mutating func line(endingWith end: [UInt8], limit: Int) throws(Malformed) -> String? {
    let view = received.readableBytesView
    var from = view.startIndex
    while let candidate = view[from...].firstIndex(of: 0x0D) {
      guard candidate + end.count <= view.endIndex else { break }
      if view[candidate..<candidate + end.count].elementsEqual(end) {
        let text = received.readString(length: candidate - view.startIndex)
        received.moveReaderIndex(forwardBy: end.count)
        return text
      }
      from = candidate + 1
    }
    if view.count > limit { throw Malformed() }
    return nil
  }

  private mutating func parse(_ head: String) throws(Malformed) {
    var lines = head.utf8.split(separator: 0x0D, omittingEmptySubsequences: true).makeIterator()
    guard let first = lines.next(), first.starts(with: "HTTP/1.".utf8), first.count >= 12,
      let status = Int(Substring(first.dropFirst(9).prefix(3))), 100..<600 ~= status
    else { throw Malformed() }
    response.status = status
    var length: Int?
    var chunked = false
    while let line = lines.next() {
      let field = line.first == 0x0A ? line.dropFirst() : line
      guard let colon = field.firstIndex(of: 0x3A) else { throw Malformed() }
      let name = field[..<colon]
      let value = Substring(field[field.index(after: colon)...].drop { $0 == 0x20 })
      switch name.count {
      case 10 where name.isHeader("connection"): response.closes = value.utf8.isHeader("close")
      case 11 where name.isHeader("retry-after"): response.retryAfter = Int(value)
      case 14 where name.isHeader("content-length"):
        guard let number = Int(value), 0...Self.bodyLimit ~= number else { throw Malformed() }
        length = number
      case 17 where name.isHeader("transfer-encoding"): chunked = value.utf8.isHeader("chunked")
      case 18 where name.isHeader("preference-applied"): response.preferenceApplied = true
      default: break
      }
    }
    if status < 200 {
      response = Response()
    } else if status == 204 || status == 304 {
      state = .body(length: 0)
    } else if chunked {
      state = .chunkSize
    } else if let length {
      state = .body(length: length)
    } else {
      response.closes = true
      state = .untilClose
    }
  }
}

extension Sequence<UInt8> {
  /// Whether these ASCII bytes are `name`, which is in lower case.
  fileprivate func isHeader(_ name: StaticString) -> Bool {
    name.withUTF8Buffer { expected in
      elementsEqual(expected) { byte, lower in byte == lower || (65...90 ~= byte && byte | 0x20 == lower) }
    }
  }
}
