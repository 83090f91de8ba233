import Backends
import BackendsTestSupport
import Pipeline
import PostgreSQL
import Testing
import Ticketing

struct StoreTests {
  @Test func `an event is read as it was created`() async throws {
    try await withDatabase { database async throws in
      let store = PostgresEventStore(database.pool)
      let rows = [Row(name: "Ż", seats: 12, aislesAfter: [3, 9]), Row(name: "B", seats: 1)]
      let price = Money(amount: 0, currency: "JPY")
      var record = EventRecord.onSale([
        .standing(7), Section(id: "block", name: "Bløck", kind: .seated(rows: rows), price: price), .seated(rows: 2, of: 4),
      ])
      #expect(try await store.events([record.event.id]) == [])
      #expect(try await store.create(record) == record)
      #expect(try await store.events([record.event.id]) == [record])
      record.event.id = random()
      record.description = nil
      #expect(try await store.create(record) == record)
    }
  }

  @Test func `an event that is created twice stays what it was`() async throws {
    try await withDatabase { database in
      let store = PostgresEventStore(database.pool)
      let first = EventRecord.onSale([.seated(rows: 1, of: 4)])
      var second = EventRecord.onSale([.standing(3)], id: first.event.id)
      second.name = "another"
      _ = try await store.create(first)
      #expect(try await store.create(second) == first)
      #expect(try await store.events([random(), first.event.id]) == [first])
    }
  }

  @Test func `published events, paused ones too, and an organiser's events of any kind come in pages`() async throws {
    try await withDatabase { database in
      let store = PostgresEventStore(database.pool)
      let (organiser, now): (CustomerID, Timestamp) = (random(), wallClock())
      let statuses: [Event.Status] = [.draft, .paused, .cancelled, .published, .published, .published, .published, .paused]
      let events = statuses.enumerated().map { index, status in
        EventRecord.onSale([.standing(1)], organiser: index < 5 ? organiser : random(), status: status, startsAt: now)
      }
      for event in events { _ = try await store.create(event) }
      let sorted = events.sorted { $0.event.id < $1.event.id }
      let published = sorted.filter { $0.event.status == .published || $0.event.status == .paused }
      #expect(try await store.publishedCount() == 6)
      #expect(try await store.publishedEvents(after: nil, limit: 4) == Array(published.prefix(4)))
      #expect(try await store.publishedEvents(after: published[3].pageMark, limit: 4) == Array(published.dropFirst(4)))
      let own = sorted.filter { $0.organiser == organiser }
      #expect(try await store.events(of: organiser, after: nil, limit: 3) == Array(own.prefix(3)))
      #expect(try await store.events(of: organiser, after: own[2].pageMark, limit: 3) == Array(own.dropFirst(3)))
    }
  }

  @Test func `an account is found by its email in any case and its password`() async throws {
    try await withDatabase { database in
      let accounts = PostgresAccounts(database.pool, hasher: PasswordHasher(), now: wallClock)
      let account = NewAccount(validEmail: "Ada@Example.org", validPassword: "correct horse", validName: "Ada Ż")
      let user = try await accounts.register(account, role: .organiser)
      #expect(user.email == "Ada@Example.org" && user.name == "Ada Ż" && user.role == .organiser)
      #expect(try await accounts.authenticate(email: "aDA@example.ORG", password: "correct horse") == user)
      #expect(try await accounts.authenticate(email: "ada@example.org", password: "correct horsf") == nil)
      #expect(try await accounts.authenticate(email: "eve@example.org", password: "correct horse") == nil)
      #expect(try await accounts.user(user.id) == user)

      let again = NewAccount(validEmail: "ada@EXAMPLE.org", validPassword: "another horse", validName: "Ada")
      let error = await #expect(throws: AccountFailure.self) {
        _ = try await accounts.register(again, role: .customer)
      }
      guard case .emailTaken? = error else {
        Issue.record("\(String(describing: error)), and the email is taken")
        return
      }
    }
  }

  @Test func `revoked sessions are found from a time on`() async throws {
    try await withDatabase { database in
      let accounts = PostgresAccounts(database.pool, hasher: PasswordHasher(), now: wallClock)
      let end = wallClock().adding(seconds: 3600)
      let start = try await accounts.revokedSessions(since: Timestamp(microseconds: 0))
      #expect(start.sessions.isEmpty)
      try await accounts.revoke(session: 1, expiresAt: end)
      let between = try await accounts.revokedSessions(since: start.now)
      #expect(between.sessions == [1])
      try await accounts.revoke(session: 2, expiresAt: end)
      try await accounts.revoke(session: 1, expiresAt: end)
      let last = try await accounts.revokedSessions(since: between.now)
      #expect(last.sessions == [2])
      #expect(try await Set(accounts.revokedSessions(since: start.now).sessions) == [1, 2])
      #expect(try await accounts.revokedSessions(since: last.now.adding(seconds: 1)).sessions.isEmpty)
    }
  }

  @Test func `a session that was ended is forgotten once it would have been over`() async throws {
    try await withDatabase { database in
      let accounts = PostgresAccounts(database.pool, hasher: PasswordHasher(), now: wallClock)
      let (past, future) = (wallClock().adding(seconds: -60), wallClock().adding(seconds: 60))
      try await accounts.revoke(session: 1, expiresAt: past)
      try await accounts.revoke(session: 2, expiresAt: future)
      try await database.pool.execute("UPDATE revoked_sessions SET revoked_at = revoked_at - interval '25 hours'")
      try await accounts.revoke(session: 3, expiresAt: past)
      #expect(try await Set(accounts.revokedSessions(since: Timestamp(microseconds: 0)).sessions) == [2, 3])
    }
  }

  @Test func `each migration is applied once, and one that fails leaves nothing`() async throws {
    let configuration = try PostgresConfiguration(url: await emptyDatabase(), applicationName: "tests")
    let first = Migrations.Migration(name: "0001_a.sql", script: "CREATE TABLE a (x int); INSERT INTO a VALUES (1);")
    let wrong = Migrations.Migration(name: "0002_b.sql", script: "CREATE TABLE b (x int); INSERT INTO b VALUES ('x');")
    let firstConnection = try await PostgresConnection.connect(configuration)
    #expect(try await Migrations([first]).apply(on: firstConnection) == ["0001_a.sql"])
    #expect(try await Migrations([first]).apply(on: firstConnection).isEmpty)
    await #expect(throws: PostgresError.self) {
      _ = try await Migrations([wrong, first]).apply(on: firstConnection)
    }

    let connection = try await PostgresConnection.connect(configuration)
    let rows = try await connection.query(PostgresQuery(Self.left))
    #expect(try rows.first?.optionalText(0) == nil, "the table of the migration that failed")
    #expect(try rows.first?.int8(1) == 1)
    let right = Migrations.Migration(name: wrong.name, script: "CREATE TABLE b (x int)")
    #expect(try await Migrations([right, first]).apply(on: connection) == ["0002_b.sql"])
    await connection.close()
  }

  @Test func `of processes that migrate at the same moment one applies the files, and the others wait for it`() async throws {
    var configuration = try PostgresConfiguration(url: await emptyDatabase(), applicationName: "tests")
    (configuration.connectTimeout, configuration.queryTimeout) = (.seconds(20), .seconds(60))
    (configuration.statementTimeout, configuration.lockTimeout) = (.seconds(50), .seconds(50))
    let files = try migrationFiles()
    let migrations = Migrations(files)
    var connections: [PostgresConnection] = []
    for _ in 0..<4 { connections.append(try await PostgresConnection.connect(configuration)) }
    let applied = try await withThrowingTaskGroup(of: [String].self) { group in
      for connection in connections { group.addTask { try await migrations.apply(on: connection) } }
      var applied: [[String]] = []
      for try await names in group { applied.append(names) }
      return applied
    }
    #expect(applied.count == 4 && applied.filter { !$0.isEmpty } == [files.map(\.name).sorted()])
    for connection in connections { await connection.close() }
  }

  private static let left = PostgresStatement("test_left", "SELECT to_regclass('b')::text, (SELECT count(*) FROM migrations)")

  @Test func `all processes get the number of partitions that was agreed first`() async throws {
    try await withDatabase { database async throws in
      let settings = PostgresSettings(database.pool)
      #expect(try await settings.agree(on: Partitioning(count: 5)) == Partitioning(count: 5))
      #expect(try await settings.agree(on: Partitioning(count: 7)) == Partitioning(count: 5))
    }
  }

  @Test func `a worker that leaves is gone at once`() async throws {
    try await withDatabase { database in
      let membership = PostgresMembership(database.pool, host: "here")
      #expect(try await membership.beat(1) == [1])
      #expect(try await membership.beat(2).contains(2))
      try await membership.leave(2)
      #expect(try await !membership.members().contains(2))
      #expect(try await membership.beat(1) == [1])
    }
  }

  /// As if the clock had been set: rows of workers that ended without a word are older than all patience, or from the future.
  @Test func `a worker that was last seen at a time that is still to come is not taken for alive, and is forgotten`()
    async throws
  {
    try await withDatabase { database in
      try await database.pool.execute(
        """
        INSERT INTO workers (worker_id, host, started_at, last_seen_at)
        SELECT gen_random_uuid(), 'gone', now(), now() + age
          FROM unnest(ARRAY[interval '1 hour', '-1 hour', '10 seconds', '-10 seconds']) age
        """)
      let membership = PostgresMembership(database.pool, host: "here")
      #expect(try await membership.members().isEmpty)
      #expect(try await membership.beat(1) == [1])
      let rows = try await database.pool.query(PostgresQuery(Self.others))
      #expect(try rows.map { try $0.int8(0) } == [2], "those a minute off are gone")
    }
  }

  private static let others = PostgresStatement("test_others", "SELECT count(*) FROM workers WHERE host = 'gone'")
}
