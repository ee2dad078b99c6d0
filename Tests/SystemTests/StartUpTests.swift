// The start of swiftrun: the stand-ins for parts of Swift's runtime and glibc (Sources/CSealedStart/runtime_parts.c) are
// in effect, and the order of its functions still names functions that exist.

import Foundation
import Testing

@Suite(.enabled(if: geteuid() == 0, "the fault injector needs root"))
struct StartUpTests {
    /// Each stand-in keeps Swift's runtime or glibc from one of these calls before main. `--version` needs none of them.
    @Test("code before main opens no file, reads no link and searches for no program")
    func callsBeforeMain() async throws {
        try await withSandbox(.swiftrun) { sandbox in
            let outcome = try await FaultBench(sandbox).run(["--version"])
            #expect(outcome.status == 0)
            let names = outcome.calls.map(\.name)
            #expect(names.contains("write"))
            let unwanted = names.filter { name in
                ["open", "readlink", "access", "stat", "clone", "execve"].contains { name.hasPrefix($0) }
                    || name.hasPrefix("newfstat")
            }
            #expect(unwanted == [])
        }
    }

    /// The crash handler would run swift-backtrace of the host, even inside a container. The fault injector links it.
    @Test(
        "the crash handler of Swift's runtime is not linked",
        arguments: [("swiftrun", false), ("fault-injector", true)])
    func crashHandler(program: String, isLinked: Bool) throws {
        let binary = try Data(contentsOf: URL(filePath: RuntimeUnderTest.checkout + "/.build/dist/" + program))
        #expect((binary.range(of: Data("swift-backtrace".utf8)) != nil) == isLinked)
    }

    @Test("the order of functions still names functions of the program")
    func callOrder() async throws {
        let outcome = try await shell("scripts/order --check", in: RuntimeUnderTest.checkout)
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
    }
}
