import CHiredis

extension RedisReply {
  /// Copies a reply; whoever got it from hiredis still frees it.
  init(copying reply: UnsafeMutablePointer<redisReply>) {
    let reply = reply.pointee
    switch reply.type {
    case REDIS_REPLY_STRING: self = .bytes(Array(Self.text(of: reply)))
    case REDIS_REPLY_INTEGER: self = .integer(reply.integer)
    case REDIS_REPLY_ARRAY: self = .array((0..<reply.elements).map { RedisReply(copying: reply.element[$0]!) })
    case REDIS_REPLY_NIL: self = .null
    case REDIS_REPLY_STATUS: self = .status(String(decoding: Self.text(of: reply), as: UTF8.self))
    case REDIS_REPLY_ERROR: self = .error(String(decoding: Self.text(of: reply), as: UTF8.self))
    // hiredis 0.14 speaks RESP2, which has these six (hiredis/read.h), and reports any other as a protocol error.
    default: preconditionFailure("hiredis gave a reply of the unknown type \(reply.type)")
    }
  }

  private static func text(of reply: redisReply) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: reply.str, count: reply.len)
  }
}
