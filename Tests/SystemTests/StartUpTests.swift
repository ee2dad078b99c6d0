// The start of swiftrun: the stand-ins for parts of Swift's runtime and glibc (Sources/CSealedStart/runtime_parts.c) are
// in effect, and the order of its functions still names functions that exist.

import Foundation
import Testing

/// Sources/CSealedStart/libc_start.c.
private let libcIsReplaced: Bool = {
    #if arch(x86_64)
    var text = [CChar](repeating: 0, count: 64)
    confstr(Int32(_CS_GNU_LIBC_VERSION), &text, text.count)
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) == "glibc 2.36"
    #else
    return false
    #endif
}()

/// Programs that are built with SWIFTRUN_PLAIN=1 have no stand-ins.
private let isPlain = ProcessInfo.processInfo.environment["SWIFTRUN_PLAIN"] == "1"

@Suite(
    .enabled(if: geteuid() == 0, "the fault injector needs root"),
    .disabled(if: isPlain, "a plain build has no stand-ins"))
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

    /// Of the C library only the part that is replaced has this instruction, which a virtual machine hands to its
    /// hypervisor. The fault injector has the C library's own start.
    @Test(
        "the start of the C library does not ask the processor for its features",
        .enabled(if: libcIsReplaced, "only glibc 2.36 on x86-64 is replaced"),
        arguments: [("swiftrun", false), ("fault-injector", true)])
    func processorFeatures(program: String, isAsked: Bool) async throws {
        let listing = try await shell(
            "objdump -d --no-show-raw-insn .build/dist/\(program) | grep -c '[[:blank:]]cpuid' || true",
            in: RuntimeUnderTest.checkout)
        let count = try #require(Int(listing.output.filter(\.isNumber)))
        #expect((count > 0) == isAsked, "\(count) instructions")
    }

    @Test("the order of functions still names functions of the program")
    func callOrder() async throws {
        let outcome = try await shell("scripts/order --check", in: RuntimeUnderTest.checkout)
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
    }
}
