// The Landlock annotation: its syntax, and the plan for a kernel's version.

import CLinuxConstants
import OCISpec
import Testing

@testable import Planning

struct LandlockPlanTests {
    private static let key = "annotations[\"org.swiftrun.landlock\"]"

    private func plan(_ text: String) throws(InvalidSpec) -> LandlockPlan? {
        try LandlockPlan(annotations: ["org.swiftrun.landlock": text], version: nil)
    }

    @Test func `rights have the header's bits`() {
        var index: Int32 = 0
        var found = 0
        while let name = clinux_constant_at(index).name.map({ String(cString: $0) }) {
            let prefix = "LANDLOCK_ACCESS_FS_"
            if name.hasPrefix(prefix) {
                let right = LandlockPlan.rights.first { $0.name == name.dropFirst(prefix.count).lowercased() }
                #expect(right?.value == clinux_constant_at(index).value, "\(name)")
                found += 1
            }
            index += 1
        }
        #expect(found == 14)
        // The headers of many hosts do not have these yet.
        #expect(LandlockPlan.names(1 << 14 | 1 << 15) == ["truncate", "ioctl_dev"])
        #expect(LandlockPlan.rights.map(\.value) == (0..<16).map { 1 << $0 })
    }

    @Test func `without the annotation there is no plan`() throws {
        #expect(try LandlockPlan(annotations: ["org.example": "{}"], version: 5) == nil)
        #expect(try Spec.container().plan().process.landlock == nil)
    }

    @Test func `each path is a rule, in order`() throws {
        let plan = try plan(
            """
            {"ruleset": {"handledAccessFS": ["execute", "read_file"]},
             "rules": {"pathBeneath": [{"allowedAccess": ["execute"], "paths": ["/bin", "/usr"]},
                                       {"allowedAccess": ["read_file", "execute"], "paths": ["/etc"]}]}}
            """)
        #expect(
            plan
                == LandlockPlan(
                    handled: 0b101,
                    rules: [
                        .init(key: Self.key + ".rules.pathBeneath[0].paths[0]", path: "/bin", allowed: 1),
                        .init(key: Self.key + ".rules.pathBeneath[0].paths[1]", path: "/usr", allowed: 1),
                        .init(key: Self.key + ".rules.pathBeneath[1].paths[0]", path: "/etc", allowed: 0b101),
                    ], isBestEffort: true))
        #expect(
            plan?.summary == [
                "restrict by Landlock: execute,read_file", "allow by Landlock beneath /bin: execute",
                "allow by Landlock beneath /usr: execute", "allow by Landlock beneath /etc: execute,read_file",
            ])
    }

    @Test(arguments: [
        ("", ": the document is empty"),
        ("[]", ": expected an object, found an array"),
        ("{}", ".ruleset: is required"),
        (#"{"ruleset":{}}"#, ".ruleset.handledAccessFS: is required"),
        (#"{"ruleset":{"handledAccessFS":[]}}"#, ".ruleset.handledAccessFS: must not be empty"),
        (
            #"{"ruleset":{"handledAccessFS":["read_file","fly"]}}"#,
            ".ruleset.handledAccessFS[1]: unknown access right \"fly\""
        ),
        (
            #"{"ruleset":{"handledAccessFS":["execute"],"handledAccessNet":["bind_tcp"]}}"#,
            ".ruleset.handledAccessNet: is not among handledAccessFS"
        ),
        (
            #"{"ruleset":{"handledAccessFS":["execute"]},"disableBestEfort":true}"#,
            ".disableBestEfort: is not among ruleset, rules, disableBestEffort"
        ),
        (
            #"{"ruleset":{"handledAccessFS":["execute"]},"rules":{"pathBeneath":[{"allowedAccess":["read_dir"],"paths":["/"]}]}}"#,
            ".rules.pathBeneath[0].allowedAccess: \"read_dir\" is not in handledAccessFS and allowed everywhere"
        ),
        (
            #"{"ruleset":{"handledAccessFS":["execute"]},"rules":{"pathBeneath":[{"allowedAccess":["execute"],"paths":[]}]}}"#,
            ".rules.pathBeneath[0].paths: must not be empty"
        ),
        (
            #"{"ruleset":{"handledAccessFS":["execute"]},"rules":{"pathBeneath":[{"allowedAccess":["execute"],"paths":["/","bin"]}]}}"#,
            ".rules.pathBeneath[0].paths[1]: \"bin\" is not an absolute path"
        ),
    ])
    func `an error is reported with its key`(text: String, sentence: String) {
        #expect(refusal { try plan(text) } == Self.key + sentence)
        var spec = Spec.container()
        spec.annotations = ["org.swiftrun.landlock": text]
        #expect(refusal { try spec.plan() } == Self.key + sentence)
    }

    private static let everything = #"""
        {"ruleset":{"handledAccessFS":["write_file","refer","truncate","ioctl_dev"]},
         "rules":{"pathBeneath":[{"allowedAccess":["write_file","truncate"],"paths":["/a"]},
                                 {"allowedAccess":["truncate"],"paths":["/b"]}]}
        """#

    @Test func `rights that the kernel does not know are left out with a note`() throws {
        var plan = try #require(try plan(Self.everything + "}"))
        let whole = plan
        #expect(try plan.limit(toVersion: 5) == [])
        #expect(plan == whole)
        #expect(
            try plan.limit(toVersion: 2) == [
                Self.key
                    + ".ruleset.handledAccessFS: \"truncate\" needs Landlock version 3, this host's kernel has 2: left out",
                Self.key
                    + ".ruleset.handledAccessFS: \"ioctl_dev\" needs Landlock version 5, this host's kernel has 2: left out",
            ])
        #expect(LandlockPlan.names(plan.handled) == ["write_file", "refer"])
        #expect(plan.rules.map(\.path) == ["/a"])
        #expect(plan.rules.map(\.allowed) == [2])
        #expect(
            try plan.limit(toVersion: 0) == [
                Self.key + ": this host's kernel has no Landlock, or it is not enabled: nothing is enforced"
            ])
        #expect(plan.handled == 0 && plan.rules == [] && plan.summary == [])
    }

    @Test func `with best effort disabled they are an error`() throws {
        var plan = try #require(try plan(Self.everything + #","disableBestEffort":true}"#))
        #expect(try plan.limit(toVersion: 5) == [])
        #expect(
            refusal { try plan.limit(toVersion: 4) }
                == Self.key
                + ".ruleset.handledAccessFS: \"ioctl_dev\" needs Landlock version 5, this host's kernel has 4")
        #expect(
            refusal { try plan.limit(toVersion: 0) }
                == Self.key + ": this host's kernel has no Landlock, or it is not enabled")
    }
}
