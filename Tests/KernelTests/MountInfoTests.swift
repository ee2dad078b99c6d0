// Lines of /proc/PID/mountinfo. proc(5).

import Kernel
import Testing

struct MountInfoTests {
    @Test func `a line has its fields, with paths unescaped`() throws {
        let entry = try #require(
            MountInfoEntry(
                #"36 35 98:0 /mnt\0401 /mnt\0122\134 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue"#)
        )
        #expect(entry.id == 36)
        #expect(entry.parent == 35)
        #expect(entry.device == "98:0")
        #expect(entry.root == "/mnt 1")
        #expect(entry.path == "/mnt\n2\\")
        #expect(entry.options == "rw,noatime")
        #expect(entry.type == "ext3")
        #expect(entry.group == "shared:7")
        #expect(entry.superOptions == "rw,errors=continue")
    }

    @Test func `a private mount has no peer group`() throws {
        let entry = try #require(MountInfoEntry("25 1 0:22 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"))
        #expect(entry.group == nil)
        #expect(entry.superOptions == "rw,memory")
    }

    @Test(arguments: [
        "", "36", "36 35 98:0 / / rw", "36 35 98:0 / /mnt rw -", "36 35 98:0 / / rw shared:1",
        "x 35 98:0 / / rw - ext3 a rw",
    ])
    func `a broken line is no entry`(line: String) { #expect(MountInfoEntry(line[...]) == nil) }

    @Test func `digits that are no escape stay`() throws {
        let entry = try #require(MountInfoEntry(#"1 0 0:1 / /a\777\08\4 rw - tmpfs t rw"#))
        #expect(entry.path == #"/a\777\08\4"#)
    }
}

struct NumberListTests {
    @Test(arguments: [
        ("0-3,7\n", [0, 1, 2, 3, 7]), ("", []), ("5", [5]), (" 1 , 2", [1, 2]), ("3-1,x,-,2-,8,9-10", [8]),
    ])
    func `lists of the kernel are read`(text: String, expected: [Int]) {
        #expect(numbers(inList: text, below: 10) == expected)
    }
}
