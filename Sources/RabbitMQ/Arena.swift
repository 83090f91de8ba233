import CRabbitMQ

/// The memory of one call's arguments, in the library's own pool: taken piece by piece, given back at once.
final class Arena {
  private var pool = amqp_pool_t()

  init() { init_amqp_pool(&pool, 4096) }

  deinit { empty_amqp_pool(&pool) }

  /// Everything taken so far is free again.
  func recycle() { recycle_amqp_pool(&pool) }

  func bytes(_ text: String) -> amqp_bytes_t {
    var text = text
    return text.withUTF8 { source in
      guard let start = source.baseAddress, source.count > 0 else { return amqp_empty_bytes }
      let copy = allocate(source.count)
      copy.copyMemory(from: start, byteCount: source.count)
      return amqp_bytes_t(len: source.count, bytes: copy)
    }
  }

  func table(_ entries: [String: RabbitMQArgument]) -> amqp_table_t {
    guard !entries.isEmpty else { return amqp_empty_table }
    let memory = allocate(entries.count * MemoryLayout<amqp_table_entry_t>.stride)
      .bindMemory(to: amqp_table_entry_t.self, capacity: entries.count)
    for (index, (key, value)) in entries.enumerated() {
      (memory + index).initialize(to: amqp_table_entry_t(key: bytes(key), value: field(value)))
    }
    return amqp_table_t(num_entries: CInt(entries.count), entries: memory)
  }

  private func field(_ argument: RabbitMQArgument) -> amqp_field_value_t {
    var field = amqp_field_value_t()
    switch argument {
    case .string(let text):
      field.kind = UInt8(AMQP_FIELD_KIND_UTF8.rawValue)
      field.value.bytes = bytes(text)
    case .integer(let number):
      field.kind = UInt8(AMQP_FIELD_KIND_I64.rawValue)
      field.value.i64 = number
    case .boolean(let flag):
      field.kind = UInt8(AMQP_FIELD_KIND_BOOLEAN.rawValue)
      field.value.boolean = flag ? 1 : 0
    case .table(let entries):
      field.kind = UInt8(AMQP_FIELD_KIND_TABLE.rawValue)
      field.value.table = table(entries)
    }
    return field
  }

  private func allocate(_ count: Int) -> UnsafeMutableRawPointer {
    guard let memory = amqp_pool_alloc(&pool, count) else { preconditionFailure("out of memory") }
    return memory
  }
}
