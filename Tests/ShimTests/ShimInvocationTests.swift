// The command line, in the forms that containerd and people use.

import OCISpec
import Testing

@testable import Shim

@Suite struct ShimInvocationTests {
    private let words = [
        "-namespace", "k8s.io", "-address", "/run/c.sock", "-publish-binary", "/usr/bin/c", "-id", "web",
    ]

    @Test func `containerd's own spelling of start is read`() throws {
        let invocation = try ShimInvocation(words + ["-debug", "start"])
        #expect(invocation.action == .start)
        #expect(invocation.namespace == "k8s.io")
        #expect(invocation.address == "/run/c.sock")
        #expect(invocation.id == "web")
        #expect(invocation.isDebug)
    }

    @Test func `delete names the bundle`() throws {
        let invocation = try ShimInvocation(words + ["-bundle", "/b", "delete"])
        #expect(invocation.action == .delete)
        #expect(invocation.bundle == "/b")
    }

    @Test func `two dashes and an equals sign mean the same`() throws {
        let invocation = try ShimInvocation(["--namespace=n", "--id=i", "-address=/a=b", "--debug=false", "start"])
        #expect(invocation.namespace == "n")
        #expect(invocation.id == "i")
        #expect(invocation.address == "/a=b")
        #expect(!invocation.isDebug)
    }

    @Test func `information commands need no other options`() throws {
        #expect(try ShimInvocation(["-info"]).action == .info)
        #expect(try ShimInvocation(["-v"]).action == .version)
        #expect(try ShimInvocation(["--version"]).action == .version)
        #expect(try ShimInvocation(["-h"]).action == .help)
        #expect(try ShimInvocation([]).action == .help)
    }

    @Test(arguments: [
        "../..", "a/b", ".", "..", ".a", "a.", "-a", "a_", "a..b", "a-_b", "a b", "a\n", "ä", "a\0b",
        String(repeating: "a", count: 77),
    ])
    func `names that paths are made of are identifiers`(name: String) {
        for action in ["start", "delete"] {
            #expect(throws: ShimFailure("-namespace \(name.quoted): not an identifier")) {
                try ShimInvocation(["-namespace", name, "-id", "x", action])
            }
            #expect(throws: ShimFailure("-id \(name.quoted): not an identifier")) {
                try ShimInvocation(["-namespace", "n", "-id", name, action])
            }
        }
    }

    @Test(arguments: ["k8s.io", "a", "A-1_b.c", String(repeating: "f", count: 76)])
    func `containerd's identifiers are taken`(name: String) throws {
        #expect(try ShimInvocation(["-namespace", name, "-id", name, "start"]).id == name)
    }

    @Test(
        arguments: [
            (["-nonsense", "start"], "unknown flag -nonsense"),
            (["-id"], "flag -id needs a value"),
            (["-id", "x", "start"], "-namespace is required"),
            (["-namespace", "n", "start"], "-id is required"),
            (["-namespace", "n", "-id", "x", "serve"], "-socket is required"),
            (["-namespace", "n", "-id", "x", "dance"], "unknown action dance"),
            (["start", "now"], "unexpected argument now"),
        ] as [([String], String)])
    func `an error is reported`(arguments: [String], problem: String) {
        #expect(throws: ShimFailure(problem)) { try ShimInvocation(arguments) }
    }
}
