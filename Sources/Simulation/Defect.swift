/// Mistakes that the code or its servers could make, to see that the checker notices each. None of them is in the product: they are
/// made by what the product is given.
enum Defect: String, CaseIterable {
  /// Messages are acknowledged as they are taken.
  case acknowledgeBeforeCommit
  /// An acknowledgement covers what has not been taken yet.
  case acknowledgeTooFar
  /// Streams move whatever version they are at.
  case skipVersionCheck
  /// What was decided is not known, and the index on the commands' ids is missing.
  case forgetDeduplication
  /// Redelivered messages look like new ones, and the index is missing.
  case ignoreRedelivered
  /// What is left when a subscription ends is requeued with a nack.
  case requeueWithNack
  /// The consumer is cancelled before its channel is closed.
  case cancelBeforeHandOver
  /// Changes are projected onto whatever version the view has.
  case projectWithoutVersion
  /// What the view has forgotten and then noted again as queued stays so, although it was decided long ago.
  case keepRepeatedNotes
  /// A clock that runs three times as fast is taken for the time of day.
  case expireByTheWrongClock
  /// A message with one command that can't be read is dropped as a whole.
  case dropBatchMates
  /// A missing confirm is taken for a refusal.
  case treatUnknownAsRefused
  /// Of what is taken at once only the first half is settled, and all is acknowledged.
  case loseRestOfBatch
  /// After a conflict the event is not loaded again.
  case keepCacheAfterConflict
  /// What the former owner wrote after the hand-over is never looked for.
  case neverReview
  /// Notes of accepted reservations are withdrawn.
  case withdrawAccepted
  /// Whoever is refused withdraws a note on which another request relies.
  case withdrawOthers
  /// A view that was complete once is taken for complete for good.
  case keepStaleView
  /// What was put into customers' lists is taken for listed, although the view was emptied after it.
  case trustListings
  /// After the view was emptied, what was queued before is taken for unknown as soon as what was decided is shown again.
  case forgetBacklog
  /// A transaction that fails leaves its first half behind.
  case tornTransaction
  /// The takeover does not learn when holds end.
  case forgetExpiries
  /// A full queue drops its oldest message.
  case dropHeadOfFullQueue
  /// A message that has no queue is confirmed.
  case publishWithoutMandatory
}
