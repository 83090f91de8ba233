public import FoundationEssentials

/// What a run measured, and what its audit found.
public struct LoadReport: Sendable, Codable, Equatable {
  /// How many times something was said, by its `code`; the most frequent first.
  public struct Count: Sendable, Codable, Equatable {
    public var code: String
    public var count: Int
  }

  /// Milliseconds. All zero where nothing was measured.
  public struct Latency: Sendable, Codable, Equatable {
    public var count: Int
    public var mean: Double
    public var p50: Double
    public var p90: Double
    public var p99: Double
    public var p999: Double
    public var max: Double
  }

  public struct Machine: Sendable, Codable, Equatable {
    public var cores: Int
    public var system: String
  }

  /// The plan, as it was carried out.
  public struct Plan: Sendable, Codable, Equatable {
    public var target: String
    public var event: String
    public var eventName: String
    public var run: String
    public var seed: UInt64
    public var requests: Int
    public var customers: Int
    /// `closed` or `open`.
    public var shape: String
    public var ratePerSecond: Double?
    public var connections: Int
    public var followers: Int
    /// `wait` or `poll`.
    public var following: String
    public var mostTicketsPerRequest: Int
    public var namedSeatsShare: Double
  }

  /// What became of the requests. `requests = accepted + refused + failed + unsent`.
  public struct Requests: Sendable, Codable, Equatable {
    public var accepted: Int
    public var refused: Int
    public var failed: Int
    public var unsent: Int
    /// Times that a request was sent once more, with the same key.
    public var sentAgain: Int
  }

  /// What became of the accepted ones. `accepted = held + rejected + ended + undecided`.
  public struct Outcomes: Sendable, Codable, Equatable {
    /// Held, being paid or bought when first seen.
    public var held: Int
    public var rejected: Int
    /// Expired or released when first seen.
    public var ended: Int
    public var undecided: Int
    /// Tickets of those that are held.
    public var ticketsHeld: Int
    /// Holds that had expired by the end.
    public var expiredSince: Int
  }

  public struct Rates: Sendable, Codable, Equatable {
    /// From the first request to the last answer.
    public var acceptedPerSecond: Double
    /// From the first request to the last outcome seen by its customer.
    public var decidedPerSecond: Double
    /// From the first request to the moment when the event's own version had reached the last decision; nil if that was not seen.
    public var decidedByServerPerSecond: Double?
    /// From the first request to the last answer or outcome.
    public var seconds: Double
  }

  /// A stretch of the run. Rates are per second; latencies are milliseconds, nil where there was none.
  public struct Interval: Sendable, Codable, Equatable {
    /// Seconds from the first request to this interval's start.
    public var at: Double
    public var sent: Double
    public var accepted: Double
    public var decided: Double
    public var refused: Double
    public var acceptP50: Double?
    public var acceptP99: Double?
    public var outcomeP50: Double?
    public var outcomeP99: Double?
  }

  /// A section at the end.
  public struct Section: Sendable, Codable, Equatable {
    public var id: String
    public var capacity: Int
    public var available: Int
    public var held: Int
    public var sold: Int
    /// Tickets that this run's live reservations have here.
    public var ofThisRun: Int
  }

  /// Nothing was lost, sold twice, or left uncounted.
  public var passed: Bool
  /// What is wrong, as sentences.
  public var findings: [String]
  /// RFC 3339.
  public var startedAt: String
  public var machine: Machine
  public var plan: Plan
  public var requests: Requests
  public var outcomes: Outcomes
  /// Why accepted requests got no tickets.
  public var rejections: [Count]
  /// Why requests were not accepted.
  public var refusals: [Count]
  /// Requests that ended without a usable answer.
  public var errors: [Count]
  /// From the scheduled time of a request to its `202`.
  public var accept: Latency
  /// From the scheduled time of a request to its outcome being seen.
  public var outcome: Latency
  public var rates: Rates
  /// The length of each of `series`, in seconds.
  public var interval: Double
  public var series: [Interval]
  public var sections: [Section]
  /// What to know when reading the figures.
  public var notes: [String]

  /// The report as JSON, sorted and indented; names are in snake case.
  public func json() throws -> Data {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self)
  }

  /// Reads what ``json()`` wrote.
  public init(json: Data) throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    self = try decoder.decode(LoadReport.self, from: json)
  }
}
