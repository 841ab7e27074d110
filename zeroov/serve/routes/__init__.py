"""The routes, by what they are about; each turns a request into a call of the service, and its value into an answer."""
