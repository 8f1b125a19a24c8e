"""What the model answered (`store`) and whether its world has changed (`drift`)."""
