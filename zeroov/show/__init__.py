"""Pictures for people: panels, sheets and plots; the only room that imports matplotlib."""
