// Runtime options, in the forms that clients send.

import FoundationEssentials
import ShimAPI
import SwiftProtobuf
import Testing

@testable import Shim

@Suite struct RuntimeOptionsTests {
    @Test func `a TOML body sets the options that it names`() throws {
        let options = try options(
            toml: """
                # from the cluster
                [plugins.whatever.options]
                BinaryName = "/usr/bin/crun"  # the fast one
                Root = '/run/crun # not a comment'
                SystemdCgroup = true
                NoNewKeyring=false
                IoUid = 1000
                Unknown = [1, 2]
                """)
        #expect(options.binaryName == "/usr/bin/crun")
        #expect(options.root == "/run/crun # not a comment")
        #expect(options.systemdCgroup)
        #expect(!options.noNewKeyring)
        #expect(options.ioUid == 1000)
    }

    @Test(
        arguments: [
            ("BinaryName = crun", "config_body:1: BinaryName: expected a string"),
            ("\nBinaryName = \"crun", "config_body:2: BinaryName: expected a plain quoted string"),
            ("SystemdCgroup = yes", "config_body:1: SystemdCgroup: expected true or false"),
            ("IoUid = -1", "config_body:1: IoUid: expected a number"),
            ("nonsense", "config_body:1: expected key = value"),
        ])
    func `a TOML body that cannot be read is refused by line`(text: String, problem: String) {
        #expect(throws: ShimFailure(problem)) { try options(toml: text) }
    }

    @Test func `a file that is not there is named`() {
        var generic = RuntimeOptions()
        generic.configPath = "/nonexistent/options.toml"
        #expect(
            throws: ShimFailure("runtime options: open /nonexistent/options.toml: no such file or directory")
        ) { try RuncOptions(any("runtimeoptions.v1.Options", generic)) }
    }

    @Test func `the task options of old clients are read too`() throws {
        let old = LinuxCreateOptions.with { options in
            options.noPivotRoot = true
            options.noNewKeyring = true
            options.shimCgroup = "/shims"
            options.ioUid = 1000
            options.ioGid = 1001
        }
        let options = try RuncOptions(any("containerd.linux.runc.CreateOptions", old))
        let expected = RuncOptions.with { options in
            options.noPivotRoot = true
            options.noNewKeyring = true
            options.shimCgroup = "/shims"
            options.ioUid = 1000
            options.ioGid = 1001
        }
        #expect(options == expected)
    }

    @Test func `an unknown message is refused by name`() {
        #expect(throws: ShimFailure("runtime options: unknown type kata.Options")) {
            try RuncOptions(any("kata.Options", RuntimeOptions()))
        }
    }

    private func options(toml: String) throws -> RuncOptions {
        var generic = RuntimeOptions()
        generic.configBody = Data(toml.utf8)
        return try RuncOptions(any("runtimeoptions.v1.Options", generic))
    }

    private func any(_ name: String, _ message: some Message) throws -> Google_Protobuf_Any {
        var any = Google_Protobuf_Any()
        any.typeURL = name
        any.value = try message.serializedData()
        return any
    }
}
