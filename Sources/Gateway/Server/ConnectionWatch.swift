import NIOCore

/// Looks once a second at all connections of an event loop, whether the time of one is over.
///
/// A timer for each connection took 400 bytes, and a search among all timers to cancel it.
///
/// Unchecked, since it is used on its event loop only.
final class ConnectionWatch: @unchecked Sendable {
  private static let interval = TimeAmount.seconds(1)

  private let eventLoop: any EventLoop
  private var connections: [HTTPConnection] = []
  private var isLooking = false

  /// How many connections are open.
  var count: Int { connections.count }

  init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  func add(_ connection: HTTPConnection) {
    connection.watchPlace = connections.endIndex
    connections.append(connection)
    if isLooking { return }
    isLooking = true
    lookLater()
  }

  func remove(_ connection: HTTPConnection) {
    guard let place = connection.watchPlace else { return }
    connection.watchPlace = nil
    let last = connections.removeLast()
    if last === connection { return }
    connections[place] = last
    last.watchPlace = place
  }

  private func lookLater() {
    eventLoop.assumeIsolated().scheduleTask(in: Self.interval) { self.look() }
  }

  private func look() {
    let now = eventLoop.now
    // From the end: one that is removed meanwhile leaves its place to the last, which has been looked at.
    for place in connections.indices.reversed() where place < connections.endIndex { connections[place].look(at: now) }
    isLooking = !connections.isEmpty
    if isLooking { lookLater() }
  }
}
