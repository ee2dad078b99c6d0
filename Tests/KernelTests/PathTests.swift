// Paths as texts.

import Kernel
import Testing

@Suite struct PathTests {
    @Test(arguments: [
        ("/a/b", "/a/b"), ("a/b", "/a/b"), ("/a//b/", "/a/b"), ("/a/./b", "/a/b"), ("/a/../b", "/b"),
        ("/../../etc", "/etc"), ("..", "/"), ("/", "/"), ("", "/"), ("/a/b/../../../c", "/c"),
    ])
    func `paths are cleaned against the root`(path: String, cleaned: String) {
        #expect(cleanPath(path) == cleaned)
    }
}
