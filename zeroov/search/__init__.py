"""One object among many candidates in a large scene: tiles, what they show, and the choice among candidates."""
