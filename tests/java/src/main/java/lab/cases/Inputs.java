package lab.cases;

import static lab.cases.Step.advance;
import static lab.cases.Step.in;

import java.util.List;

/** The input scripts that cases share. */
final class Inputs {
    /** Numbers as text; out of order, a tie, an empty text, headers; no nulls. */
    static final List<Step> PLAIN = List.of(
        in("in", "a", "1", 1000),
        in("in", "b", "2", 2000, "origin", "x"),
        in("in", "a", "3", 1500),
        in("in", "c", "40", 2000, "origin", "y", "origin", "z"),
        in("in", "", "5", 2500),
        in("in", "a", "", 2600),
        in("in", "b", "66", 10));

    /** As PLAIN, with null keys and null values among the records. */
    static final List<Step> NULLS = List.of(
        in("in", "a", "1", 1000),
        in("in", null, "2", 1100),
        in("in", "a", null, 1200, "origin", "x"),
        in("in", null, null, 1300),
        in("in", "b", "3", 1400),
        in("in", "a", "4", 900));

    /** Numbers only, for sums; with nulls, which aggregations skip. */
    static final List<Step> NUMBERS = List.of(
        in("in", "a", "1", 1000, "origin", "x"),
        in("in", "b", "2", 2000),
        in("in", "a", "3", 1500),
        in("in", null, "100", 2100),
        in("in", "a", null, 2200),
        in("in", "a", "5", 2200),
        in("in", "b", "-2", 2200));

    /** Lines of words. */
    static final List<Step> WORDS = List.of(
        in("in", "1", "to be or not to be", 1000),
        in("in", "2", "to", 2000, "origin", "x"),
        in("in", "3", "", 3000),
        in("in", "1", "not now", 500));

    /** A changelog: inserts, updates, tombstones of known and unknown keys, out of order, null keys. */
    static final List<Step> TABLE = List.of(
        in("in", "a", "1", 1000, "origin", "x"),
        in("in", "b", "2", 2000),
        in("in", "a", "3", 3000),
        in("in", "a", "old", 500),
        in("in", null, "4", 3100),
        in("in", "b", null, 3200),
        in("in", "unknown", null, 3300),
        in("in", "b", "5", 3400),
        in("in", "b", "5", 3500));

    /** For windows of 10 ms with 5 ms of grace: edges, late within grace, late beyond it, a far jump. */
    static final List<Step> WINDOWS = List.of(
        in("in", "a", "1", 0),
        in("in", "a", "2", 9),
        in("in", "a", "3", 10),
        in("in", "b", "4", 12, "origin", "x"),
        in("in", "a", "5", 5),
        in("in", "a", "6", 14),
        in("in", "a", "7", 4),
        in("in", "a", "8", 15),
        in("in", "a", "9", 3),
        in("in", "b", "10", 16),
        in("in", null, "11", 18),
        in("in", "b", "12", 11),
        in("in", "c", "13", 200_000),
        in("in", "a", "14", 19),
        in("in", "c", "15", 199_999),
        in("in", "a", "16", 200_004));

    /** For sessions with a gap of 10 ms and 5 ms of grace: extension, bridging, edges of the gap, late, a far jump. */
    static final List<Step> SESSIONS = List.of(
        in("in", "a", "1", 100),
        in("in", "a", "2", 110),
        in("in", "a", "3", 121),
        in("in", "b", "4", 122, "origin", "x"),
        in("in", "a", "5", 115),
        in("in", "a", "6", 140),
        in("in", "a", "7", 160),
        in("in", "a", "8", 150),
        in("in", "b", "9", 147),
        in("in", "b", "10", 144),
        in("in", null, "11", 162),
        in("in", "a", "12", 90),
        in("in", "c", "13", 200_000),
        in("in", "a", "14", 161),
        in("in", "c", "15", 200_010));

    /** Null values in windows: unlike the aggregations without windows, the windowed ones do not skip them. */
    static final List<Step> WINDOW_NULLS = List.of(
        in("in", "a", "1", 0),
        in("in", "a", null, 1),
        in("in", "b", null, 2),
        in("in", null, null, 3),
        in("in", "b", "2", 30));

    /** A stream `in` and a table `table`: hit, miss, update, tombstone, nulls, out of order. */
    static final List<Step> STREAM_TABLE = List.of(
        in("in", "a", "early", 1000),
        in("table", "a", "A1", 1100),
        in("in", "a", "1", 1200, "origin", "stream"),
        in("in", "b", "2", 1300),
        in("table", "a", "A2", 1400, "origin", "table"),
        in("in", "a", "3", 1350),
        in("in", null, "no key", 1500),
        in("table", null, "no key", 1510),
        in("table", "b", "B1", 1600),
        in("in", "b", "4", 1700),
        in("table", "a", null, 1800),
        in("in", "a", "5", 1900),
        in("table", "b", "B0", 1000),
        in("in", "b", "6", 2000));

    /** Two streams for a join of plus or minus 10 ms and 5 ms of grace. */
    static final List<Step> STREAM_STREAM = List.of(
        in("left", "a", "L1", 100, "origin", "left"),
        in("right", "a", "R1", 110, "origin", "right"),
        in("right", "a", "R2", 111),
        in("left", "a", "L2", 101),
        in("right", "b", "R3", 90),
        in("left", "b", "L3", 100),
        in("left", "b", "L4", 100),
        in("left", null, "L5", 112),
        in("left", "a", null, 112),
        in("right", "a", "R4", 112),
        in("right", "a", "R5", 126),
        in("left", "a", "L6", 111),
        in("left", "a", "L7", 110),
        in("right", "a", "R6", 101),
        in("left", "c", "L8", 200_000),
        in("right", "c", "R7", 200_000),
        in("right", "a", "R8", 120),
        in("left", "a", "L9", 126));

    /**
     * Two streams for an outer join of plus or minus 10 ms and 5 ms of grace: several waiting under one key and time,
     * found and not, nulls, edges of closing, wall-clock time, late ones, a far jump.
     */
    static final List<Step> OUTER_JOIN = List.of(
        in("left", "a", "L1", 100, "origin", "L1"),
        in("right", "b", "R1", 105, "origin", "R1"),
        in("left", "a", "L2", 100),
        in("right", "a", "R2", 100, "origin", "R2"),
        in("left", null, "L3", 106, "origin", "L3"),
        in("right", null, "R3", 106),
        in("left", "a", null, 107),
        in("right", "b", null, 107),
        in("left", null, null, 107),
        in("left", "c", "L4", 107),
        in("right", "d", "R4", 107),
        in("left", "c", "L5", 107),
        in("right", "d", "R5", 107),
        in("left", "b", "L6", 112),
        in("left", "e", "L7", 122, "origin", "L7"),
        in("right", "e", "R6", 123, "origin", "R6"),
        in("left", "f", "L8", 124),
        in("right", "g", "R7", 150, "origin", "R7"),
        advance(1000),
        in("left", "f", "L9", 140),
        in("left", "g", "L10", 151, "origin", "L10"),
        in("right", "h", "R8", 130),
        in("left", "h", "L11", 130),
        in("left", "h", "L12", 145),
        in("right", "h", "R9", 156),
        in("right", "h", "R10", 140),
        advance(999),
        in("left", "i", "L13", 158),
        in("right", "i", "R11", 171),
        advance(1),
        in("right", "i", "R12", 171),
        in("right", "i", "R13", 172),
        in("left", "i", "L14", 172),
        advance(5000),
        in("left", "j", "L15", 200_000, "origin", "L15"),
        in("left", "a", "L16", 100),
        in("right", "i", "R14", 172),
        in("right", "j", "R15", 199_985),
        in("right", "j", "R16", 200_000),
        in("left", "j", "L17", 199_990),
        in("right", "j", "R17", 199_979),
        in("right", "k", "R18", 200_030),
        advance(1000),
        in("left", "k", "L18", 300_000));

    /** One stream for joins with itself, of plus or minus 10 ms and 5 ms of grace. */
    static final List<Step> SELF_JOIN = List.of(
        in("in", "a", "1", 100, "origin", "1"),
        in("in", "a", "2", 105, "origin", "2"),
        in("in", "a", "3", 105),
        in("in", "b", "4", 106),
        in("in", null, "5", 107),
        in("in", "a", null, 107),
        in("in", "a", "6", 95, "origin", "6"),
        in("in", "a", "7", 102),
        in("in", "a", "8", 111),
        in("in", "a", "9", 120),
        in("in", "a", "10", 97),
        in("in", "a", "11", 96),
        in("in", "a", "12", 95),
        advance(1000),
        in("in", "b", "13", 200_000),
        in("in", "b", "14", 199_977),
        in("in", "b", "15", 199_976),
        in("in", "b", "16", 199_975),
        in("in", "b", "17", 199_990),
        in("in", "a", "18", 100));

    private Inputs() {
    }
}
