/// What the fake gets wrong, and how slow it is. Times are milliseconds.
struct Behaviour: Sendable {
  // Lies.
  var losesOutcome = false
  var givesSeatTwice = false
  var countsOneTooMany = false
  var sumsWrongly = false
  var marksSeatOfNobody = false
  var forgetsToMark = false
  var repeatsReservation = false
  var repeatsSequence = false
  var changesOutcome = false
  var givesOneTicketLess = false
  var staysAtVersionZero = false
  var hidesSeatMaps = false
  var dropsReservation = false
  var ignoresLimit = false
  /// Every answer to a `POST` is this status, with a problem of this code.
  var refusesAll: (status: Int, code: String)?
  /// What the first so many `POST`s get instead of an answer.
  var overloadedFirst = 0
  var unavailableFirst = 0
  /// The first so many `POST`s are queued, and then the connection breaks.
  var breaksFirst = 0
  /// The time to each `202`.
  var acceptDelay: Int64 = 0
  /// No answer to a `POST` leaves before so long after the first one arrived.
  var stallsFor: Int64 = 0
  var decisionDelay: Int64 = 5
  var honoursWait = true
  /// Every answer ends its connection, orderly.
  var closesAfterEach = false
  var holdSeconds = 600.0
  var opensIn = 0.0
  var takenBefore = 0
}
