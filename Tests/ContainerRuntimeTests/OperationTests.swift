// Parts of the operations that can be tested without a container.

import Glibc
import Kernel
import OCISpec
import Planning
import Testing

@testable import ContainerRuntime

struct FailureTests {
    @Test func `a refused operation is reported with the kernel's message last, and with its context first`() {
        let failure = Failure("open /a", .permissionDenied)
        #expect(failure.kind == .system(.permissionDenied))
        #expect(failure.during("make b").during("c").message == "c: make b: open /a: permission denied")
    }
}

struct UndoTests {
    private final class Journal { var lines: [String] = [] }

    @Test func `completed steps are undone in reverse order, unless they are kept`() {
        let journal = Journal()
        func attempt(keeps: Bool) {
            var undo = Undo()
            undo.add { journal.lines.append("one") }
            undo.add { journal.lines.append("two") }
            if keeps { undo.keep() }
        }
        attempt(keeps: true)
        #expect(journal.lines == [])
        attempt(keeps: false)
        #expect(journal.lines == ["two", "one"])
    }
}

struct TimestampTests {
    @Test func `the time is RFC 3339 in UTC`() throws {
        #expect(try /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z/.wholeMatch(in: timestamp()) != nil)
        #expect(try /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/.wholeMatch(in: timestamp(fraction: false)) != nil)
    }
}

struct FeatureTests {
    @Test func `features come from the tables that the runtime uses`() throws {
        let features = Features.ofThisRuntime
        #expect(features.mountOptions == mountOptions.map(\.name))
        #expect(features.linux?.capabilities == CapabilitySet.names)
        #expect(
            features.hooks == [
                "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
            ])
    }
}
