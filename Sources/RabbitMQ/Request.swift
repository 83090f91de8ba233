import CRabbitMQ

/// A method that the broker answers.
enum Request {
  case openChannel
  case closeChannel
  case closeConnection
  case selectConfirms
  case declareExchange(String, kind: String, durable: Bool)
  case deleteExchange(String)
  case declareQueue(String, durable: Bool, arguments: [String: RabbitMQArgument])
  case inspectQueue(String)
  case bindQueue(String, exchange: String, routingKey: String)
  case unbindQueue(String, exchange: String, routingKey: String)
  case purgeQueue(String)
  case deleteQueue(String)
  case limitPrefetch(UInt16)
  case consume(queue: String)

  /// The number of the method that answers it.
  var reply: UInt32 {
    switch self {
    case .openChannel: AMQP_CHANNEL_OPEN_OK_METHOD
    case .closeChannel: AMQP_CHANNEL_CLOSE_OK_METHOD
    case .closeConnection: AMQP_CONNECTION_CLOSE_OK_METHOD
    case .selectConfirms: AMQP_CONFIRM_SELECT_OK_METHOD
    case .declareExchange: AMQP_EXCHANGE_DECLARE_OK_METHOD
    case .deleteExchange: AMQP_EXCHANGE_DELETE_OK_METHOD
    case .declareQueue, .inspectQueue: AMQP_QUEUE_DECLARE_OK_METHOD
    case .bindQueue: AMQP_QUEUE_BIND_OK_METHOD
    case .unbindQueue: AMQP_QUEUE_UNBIND_OK_METHOD
    case .purgeQueue: AMQP_QUEUE_PURGE_OK_METHOD
    case .deleteQueue: AMQP_QUEUE_DELETE_OK_METHOD
    case .limitPrefetch: AMQP_BASIC_QOS_OK_METHOD
    case .consume: AMQP_BASIC_CONSUME_OK_METHOD
    }
  }

  /// Why it cannot be put into AMQP's frames, if so.
  var problem: String? {
    var problem: String?
    for name in names where name.utf8.count > 255 { problem = "the name \(name.prefix(32))… has more than 255 bytes" }
    if case .declareQueue(_, _, let arguments) = self { problem = problem ?? arguments.problem }
    return problem
  }

  /// The queue or exchange that it is about, if any.
  var subject: String? { names.first }

  private var names: [String] {
    switch self {
    case .openChannel, .closeChannel, .closeConnection, .selectConfirms, .limitPrefetch: []
    case .declareExchange(let name, _, _), .deleteExchange(let name), .declareQueue(let name, _, _), .inspectQueue(let name),
      .purgeQueue(let name), .deleteQueue(let name), .consume(let name):
      [name]
    case .bindQueue(let queue, let exchange, let routingKey), .unbindQueue(let queue, let exchange, let routingKey):
      [queue, exchange, routingKey]
    }
  }
}

extension Wire {
  /// Sends the request; its answer comes as a frame. C structures are filled through their zeroing initialisers, so that
  /// what is not named here (`passive`, `exclusive`, `nowait`, …) is off.
  func send(_ request: Request, on channel: UInt16) throws(RabbitMQError) {
    defer { arena.recycle() }
    switch request {
    case .openChannel:
      try send(AMQP_CHANNEL_OPEN_METHOD, amqp_channel_open_t(), on: channel)
    case .closeChannel:
      var close = amqp_channel_close_t()
      close.reply_code = UInt16(AMQP_REPLY_SUCCESS)
      try send(AMQP_CHANNEL_CLOSE_METHOD, close, on: channel)
    case .closeConnection:
      var close = amqp_connection_close_t()
      close.reply_code = UInt16(AMQP_REPLY_SUCCESS)
      try send(AMQP_CONNECTION_CLOSE_METHOD, close, on: channel)
    case .selectConfirms:
      try send(AMQP_CONFIRM_SELECT_METHOD, amqp_confirm_select_t(), on: channel)
    case .declareExchange(let name, let kind, let durable):
      var declare = amqp_exchange_declare_t()
      declare.exchange = arena.bytes(name)
      declare.type = arena.bytes(kind)
      declare.durable = durable ? 1 : 0
      try send(AMQP_EXCHANGE_DECLARE_METHOD, declare, on: channel)
    case .deleteExchange(let name):
      var delete = amqp_exchange_delete_t()
      delete.exchange = arena.bytes(name)
      try send(AMQP_EXCHANGE_DELETE_METHOD, delete, on: channel)
    case .declareQueue(let name, let durable, let arguments):
      var declare = amqp_queue_declare_t()
      declare.queue = arena.bytes(name)
      declare.durable = durable ? 1 : 0
      declare.arguments = arena.table(arguments)
      try send(AMQP_QUEUE_DECLARE_METHOD, declare, on: channel)
    case .inspectQueue(let name):
      var declare = amqp_queue_declare_t()
      declare.queue = arena.bytes(name)
      declare.passive = 1
      try send(AMQP_QUEUE_DECLARE_METHOD, declare, on: channel)
    case .bindQueue(let queue, let exchange, let routingKey):
      var bind = amqp_queue_bind_t()
      bind.queue = arena.bytes(queue)
      bind.exchange = arena.bytes(exchange)
      bind.routing_key = arena.bytes(routingKey)
      try send(AMQP_QUEUE_BIND_METHOD, bind, on: channel)
    case .unbindQueue(let queue, let exchange, let routingKey):
      var unbind = amqp_queue_unbind_t()
      unbind.queue = arena.bytes(queue)
      unbind.exchange = arena.bytes(exchange)
      unbind.routing_key = arena.bytes(routingKey)
      try send(AMQP_QUEUE_UNBIND_METHOD, unbind, on: channel)
    case .purgeQueue(let name):
      var purge = amqp_queue_purge_t()
      purge.queue = arena.bytes(name)
      try send(AMQP_QUEUE_PURGE_METHOD, purge, on: channel)
    case .deleteQueue(let name):
      var delete = amqp_queue_delete_t()
      delete.queue = arena.bytes(name)
      try send(AMQP_QUEUE_DELETE_METHOD, delete, on: channel)
    case .limitPrefetch(let count):
      var qos = amqp_basic_qos_t()
      qos.prefetch_count = count
      try send(AMQP_BASIC_QOS_METHOD, qos, on: channel)
    case .consume(let queue):
      var consume = amqp_basic_consume_t()
      consume.queue = arena.bytes(queue)
      try send(AMQP_BASIC_CONSUME_METHOD, consume, on: channel)
    }
  }

  func sendChannelCloseOK(on channel: UInt16) throws(RabbitMQError) {
    try send(AMQP_CHANNEL_CLOSE_OK_METHOD, amqp_channel_close_ok_t(), on: channel)
  }

  func sendConnectionCloseOK() throws(RabbitMQError) {
    try send(AMQP_CONNECTION_CLOSE_OK_METHOD, amqp_connection_close_ok_t(), on: 0)
  }

  /// Acknowledges all deliveries of the channel up to the tag.
  func acknowledge(through tag: UInt64, on channel: UInt16) throws(RabbitMQError) {
    var ack = amqp_basic_ack_t()
    ack.delivery_tag = tag
    ack.multiple = 1
    try send(AMQP_BASIC_ACK_METHOD, ack, on: channel)
  }
}
