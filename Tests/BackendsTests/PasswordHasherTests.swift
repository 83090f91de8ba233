import Testing

@testable import Backends

struct PasswordHasherTests {
  @Test(arguments: [false, true])
  func `an answer makes room for the next password, so that any number has its turn`(isCheck: Bool) async {
    let hasher = PasswordHasher()
    // Fewer at once than may wait, and more in all.
    for _ in 0..<2 {
      let answers = await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<40 {
          group.addTask {
            if isCheck { return await hasher.verify("correct horse", against: nil) != nil }
            return await hasher.hash("correct horse") != nil
          }
        }
        var answers = 0
        for await isAnswered in group where isAnswered { answers += 1 }
        return answers
      }
      #expect(answers == 40)
    }
  }
}
