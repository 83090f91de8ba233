import Pipeline
import Synchronization
import Ticketing

/// A database of reservations in memory, which the test can take away.
final class FakeReservationStore: ReservationStore {
  struct State {
    var isAway = false
    var reservations: [ReservationID: ReservationRecord] = [:]
    /// What single reservations were asked for, each time.
    var asked: [[ReservationID]] = []
    /// They are told once this returns.
    var gate: (@Sendable () async -> Void)?
    var seats: ViewedSeats?
    /// Whether who asks if it is ready gets no answer, cancelled or not, until ``letGo()``.
    var hangs = false
    var hanging: [CheckedContinuation<Void, Never>] = []
    /// How often it was asked if it is ready.
    var looks = 0
  }

  private let state = Mutex(State())

  func set(_ change: @Sendable (inout State) -> Void) { state.withLock { change(&$0) } }

  func wait(_ body: @escaping @Sendable () async -> Void) { state.withLock { $0.gate = body } }
  var asked: [[ReservationID]] { state.withLock { $0.asked } }

  private func present() throws(StoreUnavailable) {
    if state.withLock({ $0.isAway }) { throw StoreUnavailable("taken away by the test") }
  }

  func reservations(_ ids: [ReservationID]) async throws(StoreUnavailable) -> [ReservationRecord] {
    state.withLock { $0.asked.append(ids) }
    await state.withLock { $0.gate }?()
    try present()
    return state.withLock { state in ids.compactMap { state.reservations[$0] } }
  }

  func reservations(
    of customer: CustomerID, after: PageMark?, limit: Int
  ) async throws(StoreUnavailable) -> [ReservationRecord] {
    try present()
    return state.withLock { newest($0.reservations, of: customer, after: after, limit: limit) }
  }

  func seats(of event: Event, section: SectionIndex) async throws(StoreUnavailable) -> ViewedSeats? {
    try present()
    return state.withLock { $0.seats }
  }

  func isReady() async -> Bool {
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      let hangs = state.withLock { state in
        state.looks += 1
        if state.hangs { state.hanging.append(continuation) }
        return state.hangs
      }
      if !hangs { continuation.resume() }
    }
    return state.withLock { !$0.isAway }
  }

  var looks: Int { state.withLock { $0.looks } }

  func letGo() {
    let hanging = state.withLock { state in
      let hanging = state.hanging
      state.hanging = []
      state.hangs = false
      return hanging
    }
    for continuation in hanging { continuation.resume() }
  }
}

/// Accounts in memory. Passwords are kept as they are.
final class FakeAccounts: Accounts {
  private let state = Mutex((users: [String: (user: User, password: String)](), revoked: [UInt128]()))

  var revoked: [UInt128] { state.withLock { $0.revoked } }

  func register(_ account: NewAccount, role: User.Role) async throws(AccountFailure) -> User {
    let user: User? = state.withLock { state in
      let email = account.email.lowercased()
      guard state.users[email] == nil else { return nil }
      let id = CustomerID(UInt128(state.users.count + 100))
      let user = User(id: id, email: account.email, name: account.name, role: role, createdAt: present)
      state.users[email] = (user, account.password)
      return user
    }
    guard let user else { throw .emailTaken }
    return user
  }

  func authenticate(email: String, password: String) async throws(AccountFailure) -> User? {
    state.withLock { state in state.users[email.lowercased()].flatMap { $0.password == password ? $0.user : nil } }
  }

  func user(_ id: CustomerID) async throws(AccountFailure) -> User? {
    state.withLock { state in state.users.values.first { $0.user.id == id }?.user }
  }

  func revoke(session: UInt128, expiresAt: Timestamp) async throws(AccountFailure) {
    state.withLock { $0.revoked.append(session) }
  }

  func revokedSessions(since time: Timestamp) async throws(AccountFailure) -> (sessions: [UInt128], now: Timestamp) {
    (revoked, present)
  }
}
