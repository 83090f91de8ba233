import CPostgreSQL
import Logging

private let logger = Logger(label: "PostgreSQL")

/// Sends the server's notices and warnings to the log, at debug: they speak to developers.
func logNotices(of connection: OpaquePointer) {
  _ = PQsetNoticeReceiver(
    connection,
    { _, notice in
      guard let notice else { return }
      // libpq's own notices have no fields.
      let text = DiagnosticField.message.read(notice) ?? oneLine(String(cString: PQresultErrorMessage(notice)))
      logger.debug("notice from the server", metadata: ["notice": "\(text)"])
    }, nil)
}
