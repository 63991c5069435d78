// What the server says of itself and its model; the same for all pages of a document.

/**
 * @type {{
 *   genres: string[], styles: string[], colours: Record<string, string>, not_sure: string, hertz: number[] | null,
 *   threshold: number, by: string, max_bytes: number, local: boolean, server: boolean, scan: string, model: string,
 *   expected: {precision: number, answered: number, right: number} | null,
 * }}
 */
export const settings = JSON.parse(document.body.dataset.settings);
