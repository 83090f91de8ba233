import Hummingbird
import Logging

/// What a request costs in Hummingbird before anything is done for it; listens on the port that is its argument.
@main
struct Yardstick {
  struct Question: Decodable {
    struct Selection: Decodable {
      var section: String
      var quantity: Int
    }
    var selection: Selection
  }

  struct Answer: ResponseEncodable {
    var id: String
    var quantity: Int
  }

  static func main() async throws {
    guard CommandLine.arguments.count == 2, let port = Int(CommandLine.arguments[1]) else {
      return print("usage: yardstick PORT")
    }
    let router = Router()
    router.get("empty") { _, _ in HTTPResponse.Status.ok }
    router.post("json") { request, context in
      let question = try await request.decode(as: Question.self, context: context)
      return Answer(id: question.selection.section, quantity: question.selection.quantity)
    }
    var logger = Logger(label: "yardstick")
    logger.logLevel = .warning
    let app = Application(
      router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)), logger: logger)
    try await app.runService()
  }
}
