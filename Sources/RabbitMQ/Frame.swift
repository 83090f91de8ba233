import CRabbitMQ

/// What the broker sent, copied out of the C library's memory.
enum Frame {
  /// The answer to a request; the state comes with `queue.declare-ok` only.
  case reply(UInt32, QueueState?)
  case deliver(tag: UInt64, redelivered: Bool)
  case returned(code: Int, text: String, exchange: String, routingKey: String)
  case acknowledged(tag: UInt64, multiple: Bool)
  case refused(tag: UInt64, multiple: Bool)
  case consumerCancelled
  case channelClosed(code: UInt16, text: String)
  case connectionClosed(code: UInt16, text: String)
  case connectionBlocked(reason: String)
  case connectionUnblocked
  /// Follows `deliver` and `returned`.
  case header(ContentHeader)
  /// A part of the body that the header announced.
  case body([UInt8])
  case heartbeat

  /// Nil: AMQP does not provide for it.
  init?(_ frame: amqp_frame_t) {
    switch CInt(frame.frame_type) {
    case AMQP_FRAME_METHOD: self.init(frame.payload.method)
    case AMQP_FRAME_HEADER:
      let payload = frame.payload.properties
      // Of class "basic": no other has content.
      let properties = payload.decoded.load(as: amqp_basic_properties_t.self)
      self = .header(ContentHeader(properties, bodySize: Int(clamping: payload.body_size)))
    case AMQP_FRAME_BODY:
      let part = frame.payload.body_fragment
      self = .body([UInt8](UnsafeRawBufferPointer(start: part.bytes, count: part.len)))
    case AMQP_FRAME_HEARTBEAT: self = .heartbeat
    default: return nil
    }
  }

  init?(_ method: amqp_method_t) {
    /// The method's fields: the library decodes into the structure that belongs to the method's number.
    func fields<Fields>(_: Fields.Type) -> Fields { method.decoded.load(as: Fields.self) }
    switch method.id {
    case AMQP_BASIC_DELIVER_METHOD:
      let deliver = fields(amqp_basic_deliver_t.self)
      self = .deliver(tag: deliver.delivery_tag, redelivered: deliver.redelivered != 0)
    case AMQP_BASIC_ACK_METHOD:
      let ack = fields(amqp_basic_ack_t.self)
      self = .acknowledged(tag: ack.delivery_tag, multiple: ack.multiple != 0)
    case AMQP_BASIC_NACK_METHOD:
      let nack = fields(amqp_basic_nack_t.self)
      self = .refused(tag: nack.delivery_tag, multiple: nack.multiple != 0)
    case AMQP_BASIC_RETURN_METHOD:
      let returned = fields(amqp_basic_return_t.self)
      self = .returned(
        code: Int(returned.reply_code), text: String(returned.reply_text), exchange: String(returned.exchange),
        routingKey: String(returned.routing_key))
    case AMQP_BASIC_CANCEL_METHOD: self = .consumerCancelled
    case AMQP_CHANNEL_CLOSE_METHOD:
      let close = fields(amqp_channel_close_t.self)
      self = .channelClosed(code: close.reply_code, text: String(close.reply_text))
    case AMQP_CONNECTION_CLOSE_METHOD:
      let close = fields(amqp_connection_close_t.self)
      self = .connectionClosed(code: close.reply_code, text: String(close.reply_text))
    case AMQP_CONNECTION_BLOCKED_METHOD:
      self = .connectionBlocked(reason: String(fields(amqp_connection_blocked_t.self).reason))
    case AMQP_CONNECTION_UNBLOCKED_METHOD: self = .connectionUnblocked
    case AMQP_QUEUE_DECLARE_OK_METHOD:
      let queue = fields(amqp_queue_declare_ok_t.self)
      self = .reply(
        method.id, QueueState(messageCount: Int(queue.message_count), consumerCount: Int(queue.consumer_count)))
    default: self = .reply(method.id, nil)
    }
  }
}

/// The properties of a delivered or returned message.
struct ContentHeader {
  var bodySize: Int
  var messageID: String?
  var timestamp: UInt64?
  var deliveryCount = 0

  init(_ properties: amqp_basic_properties_t, bodySize: Int) {
    self.bodySize = bodySize
    if properties.has(AMQP_BASIC_MESSAGE_ID_FLAG) { messageID = String(properties.message_id) }
    if properties.has(AMQP_BASIC_TIMESTAMP_FLAG) { timestamp = properties.timestamp }
    guard properties.has(AMQP_BASIC_HEADERS_FLAG) else { return }
    for entry in UnsafeBufferPointer(start: properties.headers.entries, count: Int(properties.headers.num_entries))
    where String(entry.key) == "x-delivery-count" {
      deliveryCount = entry.value.integer ?? 0
    }
  }
}

extension amqp_basic_properties_t {
  fileprivate func has(_ flag: CInt) -> Bool { _flags & amqp_flags_t(flag) != 0 }
}

extension amqp_field_value_t {
  /// The broker chooses the width of the numbers it adds.
  fileprivate var integer: Int? {
    switch amqp_field_value_kind_t(rawValue: UInt32(kind)) {
    case AMQP_FIELD_KIND_I8: Int(value.i8)
    case AMQP_FIELD_KIND_U8: Int(value.u8)
    case AMQP_FIELD_KIND_I16: Int(value.i16)
    case AMQP_FIELD_KIND_U16: Int(value.u16)
    case AMQP_FIELD_KIND_I32: Int(value.i32)
    case AMQP_FIELD_KIND_U32: Int(value.u32)
    case AMQP_FIELD_KIND_I64: Int(value.i64)
    case AMQP_FIELD_KIND_U64: Int(clamping: value.u64)
    default: nil
    }
  }
}

extension String {
  fileprivate init(_ bytes: amqp_bytes_t) {
    self.init(decoding: UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.len), as: UTF8.self)
  }
}
