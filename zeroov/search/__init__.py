"""One object in a large scene: tiles, what they show, and the choice among candidates."""
