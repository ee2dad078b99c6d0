// Paths that name descriptors.

import Testing

@testable import ContainerRuntime

struct CallersFileTests {
    @Test(
        arguments: [
            ("/dev/stdin", 0), ("/dev/stdout", 1), ("/dev/stderr", 2), ("/dev/fd/7", 7), ("/proc/self/fd/2", 2),
            ("/proc/self/fd/-1", nil), ("/proc/self/fd/2/x", nil), ("/proc/1/fd/2", nil), ("/tmp/stderr", nil),
            ("dev/stderr", nil), ("", nil),
        ] as [(String, Int32?)])
    func `may be one of the process's own descriptors`(path: String, number: Int32?) {
        #expect(CallersFile.ownDescriptor(path) == number)
    }
}
