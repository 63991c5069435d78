"""The application: pages for people and an interface for programs (REST), served by one process.

Parts: `settings` (what it may do), `server` (all parts put together), `security` (who may ask), `pages` (the one
document and the table of pages), `library_api`, `review_api`, `tags_api`, `map_api` (what each page fetches), `uploads`
(from a request's body to a file, and the folder that they lie in), `engine` (the queue before the worker
processes), `analysis` (what they do with a file), `api` (REST), `media` (what the pages upload and play), `songs` (what
the first page asks of an upload), `problems` and `handlers` (errors as JSON), `metrics`. The only home of FastAPI and
uvicorn.
"""
