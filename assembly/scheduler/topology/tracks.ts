import { Capacity, capacityOf } from "../../layout/tables";
import { trackRows } from "../../layout/topology-rows";
import { TrackField } from "../../layout/topology";

/** Empties a track, for another use: no class asks for it any more. */
export function clearTrack(track: u32): void {
  memory.fill(trackRows(track), 0, <usize>capacityOf(Capacity.nodes) * TrackField.bytes);
}
