/// Questions to the broker, and the channels they are asked on.
extension RabbitMQConnection {
  /// Sends a request and waits for its answer.
  ///
  /// - Throws: the channel's exception, after which the channel is gone, or the connection's end.
  @discardableResult
  func call(_ request: Request, on channel: Channel) async throws(RabbitMQError) -> QueueState? {
    if let problem = request.problem { throw RabbitMQError(code: .invalidArgument, message: problem) }
    let deadline = ContinuousClock.now + configuration.rpcTimeout
    let answer = await withCheckedContinuation { continuation in
      channel.request = Channel.PendingRequest(request: request, deadline: deadline, continuation: continuation)
      visit(by: deadline)
      do throws(RabbitMQError) {
        try transmit(on: channel) { wire throws(RabbitMQError) in try wire.send(request, on: channel.number) }
        channel.request?.isSent = true
      } catch {
        // Unless the end of the channel or the connection has already told it.
        channel.answer(.failure(error))
      }
    }
    return try answer.get()
  }

  /// - Throws: `blocked` if the broker would not read it.
  func openChannel(_ role: Channel.Role) async throws(RabbitMQError) -> Channel {
    let wire = try requireWire()
    guard !isClosing else { throw closedByUser }
    if let blockedReason { throw wire.error(.blocked, "raised an alarm and reads nothing: \(blockedReason)") }
    // The lowest free number, because the library keeps 128 KiB for each number ever used.
    guard let number = (1...wire.largestChannel).first(where: { channels[$0] == nil }) else {
      throw wire.error(.invalidArgument, "allows \(wire.largestChannel) channels on a connection, all in use")
    }
    let channel = Channel(number: number, role: role)
    channels[number] = channel
    try await call(.openChannel, on: channel)
    return channel
  }

  /// Without effect on a channel that is gone already.
  func closeChannel(_ channel: Channel) async {
    guard channels[channel.number] === channel, channel.request == nil else { return }
    // A failure is the loss of the connection, and with it of the channel.
    _ = try? await call(.closeChannel, on: channel)
    if channels[channel.number] === channel { channels[channel.number] = nil }
  }

  /// Asks on a channel of its own, so that a refusal, which closes the channel, harms nobody else.
  @discardableResult
  func ask(_ request: Request) async throws(RabbitMQError) -> QueueState? {
    let channel = try await openChannel(.requests)
    do throws(RabbitMQError) {
      let state = try await call(request, on: channel)
      await closeChannel(channel)
      return state
    } catch {
      await closeChannel(channel)
      throw error
    }
  }
}
