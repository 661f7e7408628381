// Pieces of text as they are shown.

/** A piece without the marks that tokenizers write for a space, in one line. */
export function shown(piece: string): string {
  const text = piece.replace(/^[\u2581\u0120]/, "").replace(/\n/g, "\\n").replace(/\t/g, "\\t");
  if (text === "") return "\u2423";
  return text;
}

/** Whether a space stands before the piece in a text of such pieces. */
export function beginsWord(piece: string, marked: boolean): boolean {
  if (piece.startsWith("##")) return false;
  return marked ? /^[\u2581\u0120]/.test(piece) : true;
}

/** Whether the pieces' tokenizer marks the beginnings of words. */
export const isMarked = (pieces: string[]): boolean => pieces.some((piece) => /^[\u2581\u0120]/.test(piece));

export function cut(text: string, most: number): string {
  const characters = [...text];
  return characters.length <= most ? text : characters.slice(0, most - 1).join("") + "\u2026";
}
