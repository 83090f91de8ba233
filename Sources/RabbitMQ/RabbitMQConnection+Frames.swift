/// What the broker says, and whom it concerns.
extension RabbitMQConnection {
  func handle(_ frame: Frame, on number: UInt16, _ wire: Wire) throws(RabbitMQError) {
    switch frame {
    case .heartbeat: return
    case .connectionBlocked(let reason): blockedReason = reason
    case .connectionUnblocked: blockedReason = nil
    case .connectionClosed(let code, let text):
      try wire.sendConnectionCloseOK()
      throw .refusal(replyCode: code, "\(broker) closed the connection: \(text)")
    default:
      guard let channel = channels[number] else {
        throw wire.error(.protocolViolation, "used channel \(number), which is not open")
      }
      try handle(frame, on: channel, wire)
    }
  }

  private func handle(_ frame: Frame, on channel: Channel, _ wire: Wire) throws(RabbitMQError) {
    switch frame {
    case .reply(let method, let state):
      guard channel.request?.request.reply == method else {
        throw wire.error(.protocolViolation, "sent method \(method), which nobody asked for")
      }
      channel.answer(.success(state))
    case .deliver(let tag, let redelivered):
      channel.content = IncomingContent(.delivery(tag: tag, redelivered: redelivered))
    case .returned(let code, let text, let exchange, let routingKey):
      channel.content = IncomingContent(.returned(code: code, text: text, exchange: exchange, routingKey: routingKey))
    case .header(let header):
      channel.content?.header = header
      finishContent(of: channel)
    case .body(let part):
      channel.content?.append(part)
      finishContent(of: channel)
    case .acknowledged(let tag, let multiple):
      resume(publisher.tracker.settle(tag: tag, multiple: multiple, as: .confirmed))
    case .refused(let tag, let multiple):
      resume(publisher.tracker.settle(tag: tag, multiple: multiple, as: .refused))
    case .consumerCancelled:
      channel.subscription?.fail(wire.error(.consumerCancelled, "ended a consumer; was its queue deleted?"))
    case .channelClosed(let code, let text):
      // Until it gets this, a quorum queue gives the channel's deliveries to nobody else.
      try wire.sendChannelCloseOK(on: channel.number)
      end(channel, .refusal(replyCode: code, "\(broker) closed a channel: \(text)"))
    case .heartbeat, .connectionBlocked, .connectionUnblocked, .connectionClosed: break  // not a channel's
    }
  }

  private func finishContent(of channel: Channel) {
    guard let content = channel.content, let header = content.completeHeader else { return }
    channel.content = nil
    switch content.kind {
    case .delivery(let tag, let redelivered):
      guard let subscription = channel.subscription else { return }
      if subscription.deliveries.isEmpty { awakened.append(subscription) }
      subscription.add(
        RabbitMQDelivery(
          tag: tag, redelivered: redelivered, deliveryCount: header.deliveryCount, messageID: header.messageID,
          timestamp: header.timestamp, body: content.body))
    case .returned(let code, let text, let exchange, let routingKey):
      resume(
        publisher.tracker.returned(
          messageID: header.messageID, exchange: exchange, routingKey: routingKey, code: code, text: text))
    }
  }

  /// The broker closed the channel.
  private func end(_ channel: Channel, _ error: RabbitMQError) {
    channel.failure = error
    channel.subscription?.fail(error)
    if case .publisher = channel.role { closePublisher(error) }
    // Both sides may close at once; then the number is free only when our own close is answered. One not sent yet never will be.
    if let pending = channel.request, pending.isSent, case .closeChannel = pending.request { return }
    channels[channel.number] = nil
    channel.answer(.failure(error))
  }
}
