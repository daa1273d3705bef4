// What the official server lets pass and ours refuses: transcripts on which the two do not agree.
// Each is a row of the table "What we refuse" in docs/compatibility.md, by its first cell.

const DIFFERENCES = [
  // Socket.IO
  ["White space before a payload", "whitespace_before_the_payload", /^< [02] [[{]/],
  ["An event without a list", "s1_event_name", /^< 2(?:\/x,7)?\n/],
  ["A placeholder whose number is not an index", "s4_placeholder", /"num":(?:0\.0|-0|0e0)\}/],
  ["An ambiguous placeholder", "s4b_ambiguous", /^/],
  ["A number of attachments that is not all digits", "s5_announced", /^< 5(?:\+1|1e0| 1|0x1)-/],
  ["An ack id beyond 2^53", "s9_ids_stop", /^< [23]\d{16,}.*\nx/],
  ["An ack without an id", "s11_acks_need", /^< (?:3|3\/x,|61-)\[/],
  // Engine.IO
  ["An open packet from a client", "e11_unknown_empty", /< 0\{\}/],
  ["A WebSocket for a session that began on one", "a_session_on_websocket", /^: websocket/],
  ["An upgrade without a probe", "a_candidate_that_says", /^u \nc< 5\n/],
  ["A second probe", "after_its_probe", /\nc< 2probe\ncx/],
  ["Bytes of revision 3 that are no message", "an_upgrade_works_as_in", /<# 020102/],
  // Here it is the official server that does not do what it is asked to.
  ["A close packet over WebSocket", "a_close_packet", /^: websocket/],
].map(([row, section, pattern]) => ({ row, section, pattern, transcripts: 0 }));

/** Whether the official server lives on where ours ends the connection. */
export function isDifferent(section, text) {
  const found = DIFFERENCES.find((it) => section.startsWith(it.section) && it.pattern.test(text));
  if (found) {
    found.transcripts += 1;
  }
  return found !== undefined;
}

/** The rows of those sections, with how many transcripts each stands for. */
export function rowsOf(sections) {
  return DIFFERENCES.filter((it) => sections.some((name) => name.startsWith(it.section)));
}

/** How many rows there are. */
export const COUNT = DIFFERENCES.length;
